from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

from metaagent.ledger.process import _started, is_dead, this_process


def test_this_process_lives() -> None:
    assert not is_dead(this_process())


def test_a_process_that_ended_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    assert is_dead(replace(this_process(), pid=child.pid, started=0))


def test_a_pid_in_use_again_is_another_process() -> None:
    me = this_process()
    if me.started:
        assert is_dead(replace(me, started=me.started - 1))


def test_after_a_reboot_all_are_dead() -> None:
    assert is_dead(replace(this_process(), boot_id="another boot"))


def test_of_another_host_nothing_is_known() -> None:
    assert not is_dead(replace(this_process(), host="elsewhere", pid=2**22 + 1))


def test_a_pid_of_another_user_lives() -> None:
    assert not is_dead(replace(this_process(), pid=1, started=_started(1)))
