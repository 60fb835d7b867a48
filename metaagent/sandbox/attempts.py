"""What a sandbox must stop, each as one function. Runs alone: ``python -I -S attempts.py NAME JSON``.

The probes run each twice: as any program runs, where it must succeed, and behind the walls, where it must not. ``at``
says where the planted things are, never what the secret is. Every attempt is bounded by itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import time

TYPE_CHECKING = False  # typing costs more than this script
if TYPE_CHECKING:
    from typing import Any

MIB = 1024 * 1024


def say(word: str) -> None:
    os.write(1, f"{word}\n".encode())


def secret(at: dict[str, Any]) -> None:
    with open(at["secret"]) as stream:  # noqa: PTH123
        say(stream.read())


def environment(at: dict[str, Any]) -> None:  # noqa: ARG001
    for pid in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208
        try:
            with open(f"/proc/{pid}/environ", "rb") as stream:  # noqa: PTH123
                for entry in stream.read().split(b"\0"):
                    if entry.startswith(b"METAAGENT_PROBE_SECRET="):
                        say(entry.decode())
        except OSError:
            pass


def descriptors(at: dict[str, Any]) -> None:  # noqa: ARG001
    for number in range(3, 256):
        with contextlib.suppress(OSError):
            say(os.pread(number, 200, 0).decode(errors="replace"))


def tcp(at: dict[str, Any]) -> None:
    with socket.create_connection(("127.0.0.1", at["tcp"]), timeout=2) as connection:
        connection.sendall(b"x")


def udp(at: dict[str, Any]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", ("127.0.0.1", at["udp"]))


def unix(at: dict[str, Any]) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(at["unix"])


def abstract(at: dict[str, Any]) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("\0" + at["abstract"])


def pair(at: dict[str, Any]) -> None:
    """A connected pair of datagram sockets needs no address to be made, and can send to any."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    one.sendto(b"x", at["datagram"])
    other.close()


def write(at: dict[str, Any]) -> None:
    with open(at["new"], "w") as stream:  # noqa: PTH123
        stream.write("x")


def truncate(at: dict[str, Any]) -> None:
    os.truncate(at["kept"], 0)


def mode(at: dict[str, Any]) -> None:
    os.chmod(at["kept"], 0o777)  # noqa: PTH101


def shared_memory(at: dict[str, Any]) -> None:
    _fill(f"/dev/shm/{at['name']}")


def dev(at: dict[str, Any]) -> None:
    _fill(f"/dev/{at['name']}")


def _fill(path: str) -> None:
    """24 MiB in files that are small enough each."""
    try:
        for number in range(6):
            with open(f"{path}-{number}", "wb", buffering=0) as stream:  # noqa: PTH123
                if stream.write(b"x" * (4 * MIB)) != 4 * MIB:
                    return
        say("done")
    finally:
        for number in range(6):
            with contextlib.suppress(OSError):
                os.unlink(f"{path}-{number}")  # noqa: PTH108


def signals(at: dict[str, Any]) -> None:
    os.kill(at["victim"], 15)


def limits(at: dict[str, Any]) -> None:
    import resource

    _, hard = resource.prlimit(at["victim"], resource.RLIMIT_NOFILE)
    resource.prlimit(at["victim"], resource.RLIMIT_NOFILE, (min(77, hard), hard))
    say("done")


def trace(at: dict[str, Any]) -> None:
    import ctypes

    if ctypes.CDLL(None).ptrace(16, at["victim"], None, None) == 0:  # PTRACE_ATTACH; it lets go when we end
        say("done")


def namespace(at: dict[str, Any]) -> None:  # noqa: ARG001
    import ctypes

    if ctypes.CDLL(None).unshare(0x10000000) == 0:  # CLONE_NEWUSER
        say("done")


def memory(at: dict[str, Any]) -> None:  # noqa: ARG001
    held = _held(160)
    time.sleep(0.2)
    say("done" if held else "")


def memory_of_several(at: dict[str, Any]) -> None:  # noqa: ARG001
    ready, tell = os.pipe()
    for _ in range(4):
        if os.fork() == 0:
            held = _held(48)
            os.write(tell, b"x" if held else b"")
            time.sleep(0.5)
            os._exit(0)
    for _ in range(4):
        os.read(ready, 1)
    time.sleep(0.4)
    say("done")


def _held(mib: int) -> bytearray:
    data = bytearray(mib * MIB)
    for place in range(0, len(data), 4096):
        data[place] = 1
    return data


def memory_of_files(at: dict[str, Any]) -> None:  # noqa: ARG001
    """Memory that belongs to no process: files that exist nowhere."""
    for number in range(24):
        descriptor = os.memfd_create(f"probe{number}")
        os.write(descriptor, b"x" * (6 * MIB))
    time.sleep(0.4)
    say("done")


def processes(at: dict[str, Any]) -> None:  # noqa: ARG001
    for _ in range(60):
        if os.fork() == 0:
            time.sleep(0.4)
            os._exit(0)
    time.sleep(0.1)
    say("done")


def disk(at: dict[str, Any]) -> None:
    for number in range(10):
        with open(f"{at['fill']}probe{number}", "wb") as stream:  # noqa: PTH123
            stream.write(b"x" * (4 * MIB))
    time.sleep(0.4)
    say("done")


def disk_unseen(at: dict[str, Any]) -> None:
    """Files that are removed while they are open are in no folder."""
    held = []
    for number in range(10):
        name = f"{at['fill']}probe{number}"
        stream = open(name, "wb")  # noqa: PTH123, SIM115
        os.unlink(name)  # noqa: PTH108
        stream.write(b"x" * (4 * MIB))
        stream.flush()
        held.append(stream)
    time.sleep(0.4)
    say("done")


def large_file(at: dict[str, Any]) -> None:
    with open(f"{at['fill']}probe", "wb") as stream:  # noqa: PTH123
        for _ in range(10):
            stream.write(b"x" * MIB)
    say("done")


def daemon(at: dict[str, Any]) -> None:  # noqa: ARG001
    """A grandchild in a session of its own, with nothing open: its arguments name it."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in range(3):
                os.close(number)
            time.sleep(20)
        os._exit(0)
    time.sleep(0.05)


if __name__ == "__main__":
    say("begin")
    globals()[sys.argv[1]](json.loads(sys.argv[2]))
