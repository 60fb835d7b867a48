"""The filter decides as it should, on both machines: its program is interpreted here as the kernel would."""

from __future__ import annotations

import errno
import struct

import pytest

from metaagent.sandbox.seccomp import MACHINES, SELF, assemble, rules

ALLOW, KILL = "allow", "kill"
# From the tables of the kernel, by hand: not the module's own numbers.
# fmt: off
_TABLE = {
    "read": (0, 63), "socket": (41, 198), "socketpair": (53, 199), "clone": (56, 220), "clone3": (435, 435),
    "ptrace": (101, 117), "unshare": (272, 97), "kill": (62, 129), "tgkill": (234, 131), "prlimit64": (302, 261),
    "ioctl": (16, 29), "fchmodat": (268, 53), "openat": (257, 56), "keyctl": (250, 219), "bpf": (321, 280),
    "io_uring_setup": (425, 425), "execve": (59, 221), "memfd_create": (319, 279), "personality": (135, 92),
    "landlock_restrict_self": (446, 446), "open_by_handle_at": (304, 265),
}
# fmt: on
NUMBERS = {machine: {name: both[at] for name, both in _TABLE.items()} for at, machine in enumerate(MACHINES)}


def decide(program: bytes, architecture: int, number: int, *arguments: int) -> str:
    """What the kernel's interpreter would answer: allow, kill or the name of an errno."""
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("<IIQ6Q", number, architecture, 0, *(value % 2**64 for value in padded))
    at, value = 0, 0
    while True:
        code, yes, no, constant = struct.unpack_from("<HBBI", program, 8 * at)
        at += 1
        if code == 0x20:
            (value,) = struct.unpack_from("<I", data, constant)
        elif code == 0x54:
            value &= constant
        elif code == 0x15:
            at += yes if value == constant else no
        elif code == 0x35:
            at += yes if value >= constant else no
        else:
            assert code == 0x06
            if constant >> 16 == 5:
                return errno.errorcode[constant & 0xFFFF]
            return {0x7FFF0000: ALLOW, 0x80000000: KILL}[constant]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("name", "arguments", "behind", "landlock"),
    [
        ("read", (0,), ALLOW, ALLOW),
        ("execve", (), ALLOW, ALLOW),
        ("socket", (1, 1, 0), "EPERM", "EPERM"),
        ("socket", (2, 1, 0), "EPERM", "EPERM"),
        ("socketpair", (1, 1, 0), ALLOW, ALLOW),
        ("socketpair", (1, 1 | 0o2000000, 0), ALLOW, ALLOW),
        ("socketpair", (1, 2, 0), "EPERM", "EPERM"),
        ("socketpair", (1, 5, 0), "EPERM", "EPERM"),
        ("socketpair", (16, 1, 0), "EPERM", "EPERM"),
        ("clone", (17,), ALLOW, ALLOW),
        ("clone", (0x10000000 | 17,), "EPERM", "EPERM"),
        ("clone", (0x00020000,), "EPERM", "EPERM"),
        ("clone3", (), "ENOSYS", "ENOSYS"),
        ("ptrace", (16, 1), "EPERM", "EPERM"),
        ("unshare", (0,), "EPERM", "EPERM"),
        ("keyctl", (), "EPERM", "EPERM"),
        ("bpf", (), "EPERM", "EPERM"),
        ("io_uring_setup", (), "ENOSYS", "ENOSYS"),
        ("memfd_create", (), "ENOSYS", "ENOSYS"),
        ("open_by_handle_at", (), "EPERM", "EPERM"),
        ("prlimit64", (0, 7), ALLOW, ALLOW),
        ("prlimit64", (1, 7), "EPERM", "EPERM"),
        ("ioctl", (0, 0x5401), ALLOW, ALLOW),
        ("ioctl", (0, 0x5412), "EPERM", "EPERM"),
        ("ioctl", (0, 0x5412 | 1 << 32), "EPERM", "EPERM"),
        ("personality", (0xFFFFFFFF,), ALLOW, ALLOW),
        ("personality", (0x0040000,), "EPERM", "EPERM"),
        ("fchmodat", (), ALLOW, "EPERM"),
        ("kill", (5, 9), ALLOW, ALLOW),
    ],
)
def test_a_call(machine: str, name: str, arguments: tuple[int, ...], behind: str, landlock: str) -> None:
    number = NUMBERS[machine][name]
    assert decide(assemble(machine, None), MACHINES[machine], number, *arguments) == behind
    assert decide(assemble(machine, 7), MACHINES[machine], number, *arguments) == landlock


@pytest.mark.parametrize("machine", MACHINES)
def test_what_an_older_landlock_does_not_cover_is_refused(machine: str) -> None:
    def answers(abi: int, name: str, *arguments: int) -> str:
        return decide(assemble(machine, abi), MACHINES[machine], NUMBERS[machine][name], *arguments)

    assert answers(5, "kill", 5, 9) == "EPERM"
    assert answers(5, "tgkill", 5, 5, 9) == "EPERM"
    assert answers(5, "tgkill", SELF, 5, 9) == ALLOW
    assert answers(2, "openat", 0, 0, 0o1000) == "EPERM"  # O_RDONLY | O_TRUNC
    assert answers(2, "openat", 0, 0, 0o1001) == ALLOW  # writing is Landlock's
    assert answers(3, "openat", 0, 0, 0o1000) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_other_architectures_and_unknown_calls(machine: str) -> None:
    program = assemble(machine, None)
    assert decide(program, 0x40000003, 1) == KILL  # i386 on x86-64
    assert decide(program, MACHINES[machine], 463) == "ENOSYS"
    assert decide(program, MACHINES[machine], 0x40000000 | 41) == "ENOSYS"  # x32
    assert decide(program, MACHINES[machine], 446) == ALLOW


def test_the_launcher_can_tell_the_placeholder() -> None:
    for machine in MACHINES:
        assert assemble(machine, 5).count(SELF.to_bytes(4, "little")) == 1
    assert len({(rule.name, rule.tests) for rule in rules(1)}) == len(rules(1))
