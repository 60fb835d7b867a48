"""What every backend does with jobs that behave and with jobs that do not."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir
from time import monotonic, sleep

import pytest

from metaagent.errors import NotFoundError
from metaagent.sandbox.base import MIB, Job, KilledFor, Sandbox, Status
from metaagent.sandbox.bubblewrap import Bubblewrap
from metaagent.sandbox.disk import remove
from metaagent.sandbox.execute import Ended, Launch
from tests.conftest import REPOSITORY
from tests.sandbox.values import SMALL, python, running


def test_a_job_gets_its_files_and_input_and_gives_files_back(sandbox: Sandbox) -> None:
    source = "import sys, pathlib; pathlib.Path('deep/out').write_text(open('deep/in').read() + sys.stdin.read())"
    job = python(source, files={"deep/in": b"one "}, stdin=b"two", collect=("deep/out", "missing"))
    outcome = sandbox.run(job)
    assert outcome.ok, outcome
    assert outcome.files == {"deep/out": b"one two"}
    assert (outcome.status, outcome.killed_for) == (Status.EXITED, None)


def test_input_is_whole_however_long_and_whether_or_not_it_is_read(sandbox: Sandbox) -> None:
    data = os.urandom(3 * MIB)
    source = "import sys, hashlib; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest(), end='')"
    outcome = sandbox.run(python(source, stdin=data))
    assert outcome.stdout.decode() == sha256(data).hexdigest()
    assert sandbox.run(python("print(1)", stdin=data, collect=("x",))).stdout == b"1\n"


def test_only_regular_files_come_back(sandbox: Sandbox) -> None:
    source = """
import os
os.symlink("/etc/hostname", "link"); os.mkfifo("pipe"); os.mkdir("folder"); os.symlink("folder", "way")
open("folder/file", "w").write("x"); open("large", "w").write("x" * 3_000_000); open("fine", "w").write("y")
"""
    names = ("link", "pipe", "folder", "way/file", "folder/file", "large", "fine")
    outcome = sandbox.run(python(source, limits=replace(SMALL, file_bytes=4 * MIB), collect=names))
    assert outcome.ok, outcome.stderr
    assert sorted(outcome.files) == ["fine", "folder/file", "large"]
    smaller = replace(SMALL, file_bytes=MIB)
    assert sandbox.run(python(source, limits=smaller, collect=names)).exit_code == 1


def test_nothing_of_the_environment_comes_in(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "secret-in-the-environment")
    source = "import os; print(dict(os.environ)); print(os.listdir('.'), os.getcwd())"
    outcome = sandbox.run(python(source, environment={"GIVEN": "this"}))
    assert b"secret-in-the-environment" not in outcome.stdout
    assert b"'GIVEN': 'this'" in outcome.stdout
    assert b"[]" in outcome.stdout


def test_how_it_ended_is_told(sandbox: Sandbox) -> None:
    assert sandbox.run(Job(("sh", "-c", "exit 7"))).exit_code == 7
    killed = sandbox.run(Job(("sh", "-c", "kill -9 $$")))
    assert (killed.status, killed.signal, killed.exit_code) == (Status.SIGNALLED, 9, None)
    missing = sandbox.run(Job(("no-such-program",)))
    assert (missing.exit_code, b"no-such-program" in missing.stderr) == (127, True)


def test_wall_clock(sandbox: Sandbox) -> None:
    started = monotonic()
    outcome = sandbox.run(Job(("sleep", "20"), limits=replace(SMALL, wall_seconds=0.3)))
    assert (outcome.status, outcome.killed_for) == (Status.KILLED, KilledFor.WALL)
    assert monotonic() - started < 5


def test_processor_time(sandbox: Sandbox) -> None:
    outcome = sandbox.run(python("while True: pass", limits=replace(SMALL, cpu_seconds=1)))
    assert (outcome.status, outcome.killed_for) == (Status.KILLED, KilledFor.CPU)


def test_output_of_100_mb_is_cut(sandbox: Sandbox) -> None:
    source = "import sys\nfor _ in range(100): sys.stdout.write('x' * 1_000_000)"
    outcome = sandbox.run(python(source))
    assert outcome.killed_for is KilledFor.OUTPUT
    assert outcome.stdout == b"x" * SMALL.output_bytes
    errors = sandbox.run(python(source.replace("stdout", "stderr")))
    assert (errors.killed_for, len(errors.stderr)) == (KilledFor.OUTPUT, SMALL.output_bytes)


def test_memory_that_a_fork_shares_is_counted_once(sandbox: Sandbox) -> None:
    source = """
import os, time
data = bytearray(40_000_000)
for _ in range(6):
    if os.fork() == 0:
        time.sleep(0.3); os._exit(0)
for _ in range(6): os.wait()
"""
    assert sandbox.run(python(source)).ok


def test_a_fork_bomb_ends(sandbox: Sandbox) -> None:
    marker = f"bomb{secrets.token_hex(6)}"
    source = """
import os
while True:
    try: os.fork()
    except OSError: pass
"""
    started = monotonic()
    outcome = sandbox.run(python(source, marker, limits=replace(SMALL, wall_seconds=1.0)))
    assert outcome.status is Status.KILLED
    assert monotonic() - started < 12
    assert running(marker) == []


def test_what_is_left_behind_ends_with_the_job(sandbox: Sandbox) -> None:
    marker = f"left{secrets.token_hex(6)}"
    source = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(60)  # and it keeps the pipes open
    os._exit(0)
"""
    started = monotonic()
    assert sandbox.run(python(source, marker)).ok
    assert monotonic() - started < SMALL.wall_seconds
    assert running(marker) == []


def test_a_job_cannot_kill_its_parent_nor_everything(sandbox: Sandbox) -> None:
    source = """
import os
for pid in (os.getppid(), -1):
    try: os.kill(pid, 9)
    except OSError: pass
print("still here")
"""
    outcome = sandbox.run(python(source))
    assert (outcome.stdout, outcome.exit_code) in ((b"still here\n", 0), (b"", None))
    assert outcome.status in (Status.EXITED, Status.SIGNALLED)


def test_empty_files_without_end(sandbox: Sandbox) -> None:
    source = """
import os
for number in range(20_000):
    os.close(os.open(f"f{number}", os.O_CREAT | os.O_WRONLY))
import time; time.sleep(3)
"""
    assert sandbox.run(python(source, limits=replace(SMALL, wall_seconds=20))).killed_for is KilledFor.DISK


def test_several_at_once_do_not_see_each_other(sandbox: Sandbox) -> None:
    def one(number: int) -> bytes:
        source = (
            f"import os, time; open('mine', 'w').write('{number}'); time.sleep(0.1); print(os.listdir('.'), end='')"
        )
        outcome = sandbox.run(python(source, collect=("mine",)))
        assert outcome.stdout == b"['mine']", outcome
        return outcome.files["mine"]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, range(8))) == [str(number).encode() for number in range(8)]


def test_a_connected_pair_of_streams_works(sandbox: Sandbox) -> None:
    source = "import socket; a, b = socket.socketpair(); a.sendall(b'hello'); print(b.recv(9).decode(), end='')"
    assert sandbox.run(python(source)).stdout == b"hello"


def test_no_folder_of_a_job_stays(sandbox: Sandbox) -> None:
    before = set(Path(gettempdir()).glob("metaagent-job-*"))
    source = """
import os
os.mkdir("closed", 0)
for number in range(300):
    os.mkdir("d"); os.chdir("d")
"""
    outcome = sandbox.run(python(source))
    assert outcome.ok, outcome.stderr
    assert set(Path(gettempdir()).glob("metaagent-job-*")) <= before


def test_nothing_outlives_whoever_started_it(sandbox: Sandbox) -> None:
    """The process that runs the job is killed without a word: the job and its grandchildren end too."""
    marker = f"orphan{secrets.token_hex(6)}"
    before = set(Path(gettempdir()).glob("metaagent-job-*"))
    host = subprocess.Popen([sys.executable, "-m", "tests.sandbox.host", sandbox.name, marker], cwd=REPOSITORY)
    deadline = monotonic() + 20
    while len(_jobs(marker, host.pid)) < 2 and monotonic() < deadline:
        sleep(0.02)
    assert len(_jobs(marker, host.pid)) >= 2
    host.kill()
    host.wait()
    deadline = monotonic() + 20
    while running(marker) and monotonic() < deadline:
        sleep(0.02)
    assert running(marker) == []
    for left in set(Path(gettempdir()).glob("metaagent-job-*")) - before:
        remove(left)  # whoever is killed cannot tidy up


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="without bubblewrap")
def test_nothing_outlives_whoever_was_killed_before_the_walls_stood(tmp_path: Path) -> None:
    """bubblewrap asks late to end with its parent; whoever was killed before that left the job running."""
    marker, slow = f"orphan{secrets.token_hex(6)}", tmp_path / "bwrap"
    slow.write_text(f'#!/bin/sh\nsleep 1\nexec {shutil.which("bwrap")} "$@"\n')
    slow.chmod(0o755)
    host = subprocess.Popen(
        [sys.executable, "-m", "tests.sandbox.host", "bubblewrap", marker, str(slow)], cwd=REPOSITORY
    )
    deadline = monotonic() + 20
    while not (waiting := [pid for pid in _jobs(marker, host.pid) if _runs(pid, slow)]) and monotonic() < deadline:
        sleep(0.02)
    assert waiting
    host.kill()
    host.wait()
    sleep(2)
    assert running(marker) == []


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="without bubblewrap")
def test_no_job_begins_for_a_maker_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """bubblewrap's inner process ties itself to the outer one late: whoever was killed before that left the job
    running. Nobody writes the line that the job waits for, as where its maker is dead."""
    ends = []

    def unattended(launch: Launch, *_: object) -> Ended:
        done = subprocess.run(
            launch.command, stdin=subprocess.DEVNULL, capture_output=True, pass_fds=launch.descriptors, check=False
        )
        ends.append(done.stdout)
        return Ended(done.returncode, done.stdout, done.stderr, None, False, 0.0)

    monkeypatch.setattr("metaagent.sandbox.bubblewrap.execute", unattended)
    Bubblewrap().run(python("print('began')"))
    assert ends == [b"\n"]


def _runs(pid: int, script: Path) -> bool:
    try:
        return f"sh\0{script}" in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


def _jobs(marker: str, host: int) -> list[int]:
    return [pid for pid in running(marker) if pid != host]


def test_what_is_to_be_read_must_be_there(sandbox: Sandbox, tmp_path: Path) -> None:
    fixture = tmp_path / "shop.db"
    job = Job(("sh", "-c", 'cat "$0"; echo more >> "$0"', str(fixture)), readable=(fixture,))
    with pytest.raises(NotFoundError, match="to read, does not exist"):
        sandbox.run(job)
    fixture.write_text("rows\n")
    fixture.chmod(0o666)
    outcome = sandbox.run(job)
    assert (outcome.stdout, outcome.ok) == (b"rows\n", False)
    assert fixture.read_text() == "rows\n"


def test_a_link_is_inherited_and_nothing_else(sandbox: Sandbox) -> None:
    (asked, ask), (answers, answer), (other, unused) = os.pipe(), os.pipe(), os.pipe()
    source = f"""
import os
def works(number):
    try: os.fstat(number)
    except OSError: return False
    return True
print([works(number) for number in ({asked}, {answer}, {ask}, {answers}, {other}, {unused})])
os.write({answer}, os.read({asked}, 9).upper())
"""
    try:
        os.write(ask, b"hello")
        outcome = sandbox.run(replace(python(source), link=(asked, answer)))
        assert outcome.stdout.decode().strip() == str([True, True, False, False, False, False]), outcome
        assert os.read(answers, 9) == b"HELLO"
    finally:
        for end in (asked, ask, answers, answer, other, unused):
            os.close(end)


def test_a_job_can_be_told_to_stop(sandbox: Sandbox) -> None:
    started = monotonic()
    outcome = sandbox.run(Job(("sleep", "60"), stop=lambda: monotonic() - started > 0.2))
    assert outcome.killed_for is KilledFor.WALL
    assert monotonic() - started < 30
