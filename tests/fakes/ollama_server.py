"""A real HTTP server that speaks Ollama's protocol and, when asked, breaks it in every way that was seen in the field.

``FakeOllama(behaviours=["busy", "busy", "good"])`` answers the first two chats with 503 and then well; when the list is
used up, every chat is good. ``requests`` holds the decoded bodies of the chats, ``headers`` their headers. ``blobs``
are the sizes of what was uploaded, by digest, and ``created`` the bodies of ``create`` by the model's name.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HTML = b"<!DOCTYPE html><html><body><h1>Proxy: sign in first</h1></body></html>"
DIGEST = "0123456789abcdef" * 4


@dataclass
class FakeOllama:
    """What the server has and does. ``reply`` is the text of a good chat, sent word by word; ``others``: what else
    could have stood in the place of each word, where a request asks for it."""

    behaviours: list[str] = field(default_factory=list)
    reply: str = '{"name": "Ada", "age": 36}'
    others: list[dict[str, Any]] = field(default_factory=list)
    models: tuple[str, ...] = ("tiny:latest",)
    template: str = "{{ range .Messages }}<|{{ .Role }}|>{{ .Content }}{{ end }}"
    digest: str = DIGEST
    version_answer: bytes | None = None
    tags_answer: bytes | None = None
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    broken_off: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)
    blobs: dict[str, int] = field(default_factory=dict)
    created: dict[str, dict[str, Any]] = field(default_factory=dict)
    spoils_what_it_is_given: bool = False
    url: str = ""

    @contextlib.contextmanager
    def running(self) -> Iterator[FakeOllama]:
        fake = self

        class Bound(_Handler):
            server_state = fake

        server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield self
        finally:
            self.stopping.set()
            server.shutdown()
            server.server_close()

    def next_behaviour(self) -> str:
        return self.behaviours.pop(0) if self.behaviours else "good"


@contextlib.contextmanager
def never_accepting() -> Iterator[str]:
    """The URL of a port where a connection is never made: its queue is full."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                client.connect(server.getsockname())
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_state: FakeOllama

    def log_message(self, *_: object) -> None:
        return

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_HEAD(self) -> None:
        known = self.path.removeprefix("/api/blobs/") in self.server_state.blobs
        self.send_response(200 if known else 404)
        self.end_headers()

    def do_GET(self) -> None:
        fake = self.server_state
        fake.seen.append(self.path)
        if self.path == "/api/version":
            self.whole(fake.version_answer or b'{"version": "0.24.0"}')
        elif self.path == "/api/tags":
            listed = [{"model": name, "name": name, "digest": fake.digest, "size": 1000} for name in fake.models]
            self.whole(fake.tags_answer or json.dumps({"models": listed}).encode())
        elif self.path == "/api/ps":
            listed = [{"model": name, "digest": DIGEST, "size": 1000, "context_length": 4096} for name in fake.models]
            self.whole(json.dumps({"models": listed}).encode())
        else:
            self.whole(b"404 page not found", 404, "text/plain")

    def do_POST(self) -> None:
        fake = self.server_state
        fake.seen.append(self.path)
        if self.path.startswith("/api/blobs/"):
            self.take_blob(self.path.removeprefix("/api/blobs/"))
            return
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", "0"))) or b"{}")
        if self.path == "/api/chat":
            fake.requests.append(body)
            fake.headers.append({key.lower(): value for key, value in self.headers.items()})
            if self.has(body.get("model", "")):
                behaviour: Callable[[], None] = getattr(self, f"chat_{fake.next_behaviour()}")
                behaviour()
        elif self.path == "/api/show":
            if self.has(body.get("model", "")):
                self.whole(json.dumps(self.shown(body["model"])).encode())
        elif self.path == "/api/pull":
            self.pull(body.get("model", ""))
        elif self.path == "/api/create":
            self.create(body)
        else:
            self.whole(b"404 page not found", 404, "text/plain")

    # parts

    def has(self, model: str) -> bool:
        known = self.server_state.models
        if model in known or f"{model}:latest" in known:
            return True
        self.whole(json.dumps({"error": f"model '{model}' not found"}).encode(), 404)
        return False

    def shown(self, model: str) -> dict[str, Any]:
        if model in self.server_state.created:
            return self.shown_as_created(self.server_state.created[model])
        return {
            "modelfile": f"FROM /models/blobs/sha256-{DIGEST}\n",
            "template": self.server_state.template,
            "capabilities": ["completion"],
            "model_info": {"general.architecture": "llama", "llama.context_length": 8192},
        }

    def whole(self, body: bytes, status: int = 200, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def start(self, kind: str = "application/x-ndjson") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def raw(self, data: bytes) -> bool:
        """Send one block; False when the client has gone."""
        try:
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()
        except OSError:
            self.server_state.broken_off.set()
            self.close_connection = True
            return False
        return True

    def line(self, value: object) -> bool:
        return self.raw(json.dumps(value).encode() + b"\n")

    def text(self, text: str) -> bool:
        line = {"model": "tiny", "message": {"role": "assistant", "content": text}, "done": False}
        if self.server_state.requests[-1].get("logprobs"):
            others = [{"token": text, "logprob": -0.5}, *self.server_state.others]
            line["logprobs"] = [{"token": text, "logprob": -0.5, "top_logprobs": others}]
        return self.line(line)

    def words(self, text: str) -> None:
        for word in text.split(" "):
            self.text(word + " ")

    def done(self, reason: str = "stop", **counts: Any) -> None:
        usual = {
            "prompt_eval_count": self.prompt_tokens(),
            "eval_count": 11,
            "prompt_eval_duration": 250_000_000,
            "eval_duration": 500_000_000,
            "load_duration": 1_000_000,
            "total_duration": 800_000_000,
        }
        message = {"role": "assistant", "content": ""}
        self.line({"model": "tiny", "message": message, "done": True, "done_reason": reason, **usual, **counts})
        self.finish_body()

    def finish_body(self) -> None:
        with contextlib.suppress(OSError):
            self.wfile.write(b"0\r\n\r\n")

    def prompt_tokens(self) -> int:
        return sum(len(message["content"]) for message in self.server_state.requests[-1]["messages"]) // 4 + 8

    def wait(self) -> None:
        self.server_state.stopping.wait(20)
        self.close_connection = True

    # behaviours of a chat

    def chat_good(self) -> None:
        self.start()
        self.words(self.server_state.reply)
        self.done()

    def chat_length(self) -> None:
        self.start()
        self.words(self.server_state.reply)
        self.done("length")

    def chat_vanished(self) -> None:
        """Somebody removed the model while it was in use."""
        self.server_state.models = ("other:latest",)
        self.has("tiny")

    def chat_busy(self) -> None:
        self.whole(b'{"error": "server busy, please try again.  maximum pending requests exceeded"}', 503)

    def chat_hang_before_token(self) -> None:
        self.wait()

    def chat_hang_after_headers(self) -> None:
        self.start()
        self.wait()

    def chat_hang_in_the_middle(self) -> None:
        self.start()
        self.words("it began well")
        self.wait()

    def chat_drip(self) -> None:
        """Never idle for long, never done."""
        self.start()
        number = 0
        while not self.server_state.stopping.wait(0.02) and self.text(f"{number} "):
            number += 1

    def chat_garbage(self) -> None:
        self.start()
        self.words("it began well")
        self.raw(b"\x00\xff{]garbage\n")
        self.done()

    def chat_array(self) -> None:
        self.start()
        self.raw(b"[1, 2, 3]\n")
        self.finish_body()

    def chat_wrong_types(self) -> None:
        self.start()
        self.line({"message": "a text, not an object", "done": "maybe"})
        self.finish_body()

    def chat_html(self) -> None:
        self.whole(HTML, 200, "text/html; charset=utf-8")

    def chat_html_502(self) -> None:
        self.whole(HTML, 502, "text/html")

    def chat_html_unlabelled(self) -> None:
        self.whole(HTML + b"\n", 200, "application/x-ndjson")

    def chat_no_done(self) -> None:
        self.start()
        self.words("it stops in the middle")
        self.finish_body()

    def chat_nothing(self) -> None:
        self.start()
        self.finish_body()

    def chat_error_line(self) -> None:
        self.start()
        self.words("it began well")
        self.line({"error": "an error was encountered while running the model: CUDA error"})
        self.finish_body()

    def chat_error_500(self) -> None:
        self.whole(b'{"error": "llama runner process has terminated: signal: killed"}', 500)

    def chat_context_error(self) -> None:
        self.whole(b'{"error": "the input length exceeds the context length"}', 400)

    def chat_no_counts(self) -> None:
        self.start()
        self.words(self.server_state.reply)
        self.line({"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"})
        self.finish_body()

    def chat_lies(self) -> None:
        self.start()
        self.words(self.server_state.reply)
        self.done(prompt_eval_count=10**9, eval_count=-5, eval_duration=-1, prompt_eval_duration=0)

    def chat_truncated(self) -> None:
        self.start()
        self.words(self.server_state.reply)
        self.done(prompt_eval_count=self.server_state.requests[-1]["options"]["num_ctx"] // 2)

    def chat_truncated_empty(self) -> None:
        self.start()
        self.done(prompt_eval_count=self.server_state.requests[-1]["options"]["num_ctx"])

    def chat_empty(self) -> None:
        self.start()
        self.done()

    def chat_huge(self) -> None:
        """10 MB of text in lines of 10 kB."""
        self.start()
        for number in range(1000):
            if not self.text("".join(f"{number} {word} " for word in range(1300))):
                return
        self.done()

    def chat_huge_line(self) -> None:
        """10 MB in one line."""
        self.start()
        self.text("".join(f"{number} " for number in range(1_500_000)))
        self.done()

    def chat_endless_line(self) -> None:
        self.start()
        self.raw(b'{"message": {"role": "assistant", "content": "')
        while self.raw(b"abcdefgh" * 131072):
            pass

    def chat_repeats(self) -> None:
        self.start()
        self.words("Here is the answer:")
        while self.text("and so on, and so forth, "):
            pass

    def chat_thirty_tokens(self) -> None:
        """What Ollama does after 30 identical tokens: the stream ends, status 200, no last line."""
        self.start()
        self.words("The list:")
        for _ in range(31):
            self.text("\n")
        self.finish_body()

    def chat_reset(self) -> None:
        self.start()
        self.words("it began well")
        self.reset()

    def chat_reset_at_once(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Close with RST, as a killed server does."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def shown_as_created(self, body: dict[str, Any]) -> dict[str, Any]:
        (digest,) = body["files"].values()
        stop = body["parameters"]["stop"]
        return {
            "modelfile": f"# Modelfile\nFROM /models/blobs/{digest.replace(':', '-')}\nTEMPLATE x\n",
            "template": "{{ .Prompt }}" if self.server_state.spoils_what_it_is_given else body["template"],
            "parameters": "\n".join(f"{'stop':<30} {json.dumps(word)}" for word in stop),
            "capabilities": ["completion"],
            "model_info": {},
        }

    def take_blob(self, digest: str) -> None:
        """The body comes in chunks, as of a client that does not say how long it is."""
        data = hashlib.sha256()
        size = 0
        while length := int(self.rfile.readline() or b"0", 16):
            data.update(self.rfile.read(length))
            size += length
            self.rfile.readline()
        self.rfile.readline()
        if f"sha256:{data.hexdigest()}" != digest:
            self.whole(b'{"error": "digest mismatch"}', 400)
            return
        self.server_state.blobs[digest] = size
        self.whole(b"", 201)

    def create(self, body: dict[str, Any]) -> None:
        fake = self.server_state
        self.start()
        if not all(digest in fake.blobs for digest in body["files"].values()):
            self.line({"error": "blob not found"})
        else:
            fake.created[body["model"]] = body
            fake.models = (*fake.models, body["model"])
            self.line({"status": "success"})
        self.finish_body()

    def pull(self, model: str) -> None:
        self.start()
        if model == "absent":
            self.line({"error": "pull model manifest: file does not exist"})
        else:
            self.line({"status": "pulling manifest"})
            for done in (100, 500, 1000):
                self.line({"status": "pulling 0123", "digest": f"sha256:{DIGEST}", "total": 1000, "completed": done})
            self.line({"status": "success"})
        self.finish_body()
