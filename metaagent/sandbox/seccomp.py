"""A filter of system calls, assembled by hand: what a job needs for none of its work and walls need closed.

Refused are: all sockets but connected pairs of streams, namespaces and mounts, other processes' memory, scheduling and
limits, kernel interfaces with a history (bpf, io_uring, userfaultfd, perf, keyrings), memory that no limit sees
(memfd, SysV), other architectures' calls, and every call newer than this list. Landlock does not cover the metadata
of files (mode, owner, times, attributes): where it is the wall (level 2), changing those is refused here.

Numbers: x86-64 from its own table, aarch64 from the kernel's generic one.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

MACHINES: Final[Mapping[str, int]] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""AUDIT_ARCH_* of linux/audit.h."""

SELF: Final = 0x7E57C0DE
"""Stands for the job's own pid; the launcher, which knows it, puts it in."""

_NEWEST: Final = 463
"""From this number on nothing is known here: setxattrat (6.13) and all that follows does not exist for a job."""

# fmt: off - a table
# name: (x86-64, aarch64); None where the machine does not have it.
_NUMBERS: Final[Mapping[str, tuple[int | None, int | None]]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "acct": (163, 89),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "create_module": (174, None),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "nfsservctl": (180, 42),
    "vhangup": (153, 58),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "syslog": (103, 116),
    "uselib": (134, None),
    "ustat": (136, None),
    "sysfs": (139, None),
    "_sysctl": (156, None),
    "vmsplice": (278, 75),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "mbind": (237, 235),
    "set_mempolicy": (238, 237),
    "set_mempolicy_home_node": (450, 450),
    "lookup_dcookie": (212, 18),
    "socket": (41, 198),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    "clone3": (435, 435),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "clone": (56, 220),
    "socketpair": (53, 199),
    "ioctl": (16, 29),
    "prctl": (157, 167),
    "personality": (135, 92),
    "prlimit64": (302, 261),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "fcntl": (72, 25),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
    "truncate": (76, 45),
    "open": (2, None),
    "openat": (257, 56),
    "openat2": (437, 437),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "lchown": (94, None),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "utime": (132, None),
    "utimes": (235, None),
    "utimensat": (280, 88),
    "futimesat": (261, None),
    "inotify_add_watch": (254, 27),
}
# fmt: on


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_REFUSED: Final = _words("""
ptrace process_vm_readv process_vm_writev process_madvise process_mrelease kcmp pidfd_getfd mount umount2 pivot_root
chroot move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr unshare setns keyctl add_key request_key bpf
userfaultfd perf_event_open shmget shmat shmctl semget semop semctl semtimedop msgget msgsnd msgrcv msgctl mq_open
mq_unlink acct swapon swapoff reboot kexec_load kexec_file_load init_module finit_module delete_module create_module
settimeofday clock_settime clock_adjtime adjtimex sethostname setdomainname quotactl quotactl_fd iopl ioperm
modify_ldt nfsservctl vhangup name_to_handle_at open_by_handle_at fanotify_init fanotify_mark syslog uselib ustat
sysfs _sysctl vmsplice migrate_pages move_pages mbind set_mempolicy set_mempolicy_home_node lookup_dcookie socket
connect bind listen accept accept4
""")
_ABSENT: Final = ("clone3", "memfd_create", "memfd_secret", "io_uring_setup", "io_uring_enter", "io_uring_register")
_METADATA: Final = _words("""
chmod fchmod fchmodat fchmodat2 chown lchown fchown fchownat setxattr lsetxattr fsetxattr removexattr lremovexattr
fremovexattr utime utimes utimensat futimesat inotify_add_watch
""")

_NAMESPACES: Final = 0x7E020000  # CLONE_NEW*: NS, CGROUP, UTS, IPC, USER, PID, NET
_O_TRUNC, _O_ACCMODE = 0o1000, 0o3


@dataclass(frozen=True, slots=True)
class Match:
    """Holds when the masked low half of one argument is (or, ``equal=False``, is not) the value."""

    argument: int
    value: int
    equal: bool = True
    mask: int = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Rule:
    """The call fails with ``error`` when every test holds."""

    name: str
    tests: tuple[Match, ...] = ()
    error: int = errno.EPERM


def _conditional() -> Iterator[Rule]:
    yield Rule("clone", (Match(0, 0, False, _NAMESPACES),))
    yield Rule("socketpair", (Match(0, 1, False),))  # AF_UNIX
    yield Rule("socketpair", (Match(1, 1, False, 0xF),))  # SOCK_STREAM: a pair of datagrams can send to any path
    for request in (0x5412, 0x541C, 0x40086602, 0x401C5820):  # TIOCSTI, TIOCLINUX, FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR
        yield Rule("ioctl", (Match(1, request),))
    for option in (4, 35):  # PR_SET_DUMPABLE would hide the job from its watchdog; PR_SET_MM
        yield Rule("prctl", (Match(0, option),))
    for command in (8, 10, 15, 1024, 1026):  # F_SETOWN, F_SETSIG, F_SETOWN_EX, F_SETLEASE, F_NOTIFY
        yield Rule("fcntl", (Match(1, command),))
    yield Rule("personality", (Match(0, 0, False), Match(0, 0xFFFFFFFF, False)))
    for name in ("prlimit64", "sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr"):
        yield Rule(name, (Match(0, 0, False),))  # of another process
    yield Rule("setpriority", (Match(0, 0, False),))  # PRIO_PROCESS
    yield Rule("setpriority", (Match(1, 0, False),))
    yield Rule("ioprio_set", (Match(0, 1, False),))  # IOPRIO_WHO_PROCESS
    yield Rule("ioprio_set", (Match(1, 0, False),))


def _signals() -> Iterator[Rule]:
    """Before Landlock's ABI 6 nothing scopes signals: a job can then only end itself, not even its own children."""
    for name in ("kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"):
        yield Rule(name)
    yield Rule("tgkill", (Match(0, SELF, False),))


def _truncation() -> Iterator[Rule]:
    """Before Landlock's ABI 3 truncating is not covered, and opening to read may truncate."""
    yield Rule("truncate")
    yield Rule("open", (Match(1, _O_TRUNC, True, _O_TRUNC | _O_ACCMODE),))
    yield Rule("openat", (Match(2, _O_TRUNC, True, _O_TRUNC | _O_ACCMODE),))
    yield Rule("openat2", error=errno.ENOSYS)


def rules(landlock: int | None) -> list[Rule]:
    """``landlock`` is its ABI where it is the wall, None behind namespaces, which hide what the rest would reach."""
    found = [Rule(name, error=errno.ENOSYS if name in _ABSENT else errno.EPERM) for name in (*_REFUSED, *_ABSENT)]
    found += _conditional()
    if landlock is not None:
        found += [Rule(name) for name in _METADATA]
        found += _signals() if landlock < 6 else ()
        found += _truncation() if landlock < 3 else ()
    return found


# struct seccomp_data: nr, arch, instruction pointer, six arguments of 64 bits. Both machines are little-endian.
_LOAD, _AND, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_NUMBER_AT, _ARCH_AT, _ARGUMENTS_AT = 0, 4, 16
_KILL, _FAIL, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_Instruction = tuple[int, int, int, int]


def assemble(machine: str, landlock: int | None) -> bytes:
    """The program as the kernel wants it: struct sock_filter of 8 bytes each. KeyError for another machine."""
    architecture, column = MACHINES[machine], list(MACHINES).index(machine)
    program: list[_Instruction] = [
        (_LOAD, 0, 0, _ARCH_AT),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_AT_LEAST, 0, 1, _NEWEST),
        (_RETURN, 0, 0, _FAIL | errno.ENOSYS),
    ]
    for rule in rules(landlock):
        number = _NUMBERS[rule.name][column]
        if number is not None:
            program += _one(number, rule.tests, rule.error)
    program.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)


def _one(number: int, tests: Sequence[Match], error: int) -> list[_Instruction]:
    """If it is this call and all tests hold, fail; else go on with the number loaded again."""
    body: list[_Instruction] = [(_RETURN, 0, 0, _FAIL | error)]
    for test in reversed(tests):
        miss = len(body)
        jump = (0, miss) if test.equal else (miss, 0)
        compare: list[_Instruction] = [(_EQUAL, *jump, test.value)]
        if test.mask != 0xFFFFFFFF:
            compare.insert(0, (_AND, 0, 0, test.mask))
        body = [(_LOAD, 0, 0, _ARGUMENTS_AT + 8 * test.argument), *compare, *body]
    if tests:
        body.append((_LOAD, 0, 0, _NUMBER_AT))
    return [(_EQUAL, 0, len(body), number), *body]
