"""Puts up the walls of level 2 around one command: ``python -I -S launcher.py PLAN STATUS``, two open descriptors.

This script stands alone: it imports nothing of ours, and of the standard library only what Python always has. The plan
is a marshalled dict (see ``landlock.py``). It stays outside as the supervisor: everything that the command leaves
behind becomes its child, and is killed when the command ends. STATUS gets a line ``broken WHAT``
where the walls could not be put up (then the command has not run), and ``exit N`` or ``signal N`` at the end.
"""

from __future__ import annotations

import ctypes
import errno
import marshal
import os
import resource
import signal
import sys
import time

TYPE_CHECKING = False  # typing would take longer than all else here
if TYPE_CHECKING:
    from typing import Any

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 1, 8, 36, 38, 47
CAP_DAC_READ_SEARCH = 2
SECCOMP_SET_MODE_FILTER = 1
NUMBERS = {"x86_64": (317, 126), "aarch64": (277, 91)}  # seccomp, capset
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446  # the same on every machine
OF_FILES = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15  # rights that a rule for a single file may hold
MARK = 0x7E57C0DE  # the filter's placeholder for the command's pid

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(what: str, number: int, *arguments: Any) -> int:
    return check(libc.syscall(ctypes.c_long(number), *arguments), what)


def prctl(what: str, option: int, *values: int) -> None:
    padded = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    check(libc.prctl(ctypes.c_int(option), *padded), what)


def packed(*pairs: tuple[int, int]) -> ctypes.Array[ctypes.c_char]:
    """Integers of given sizes, side by side in memory, as the kernel's packed structs have them."""
    return ctypes.create_string_buffer(b"".join(value.to_bytes(size, sys.byteorder) for value, size in pairs))


def ruleset(plan: dict[str, Any]) -> int:
    """A Landlock ruleset with a rule for each path. ``plan["handled"]``: file system, network and scope bits."""
    handled = plan["handled"]
    size = 8 * len(handled)
    attributes = packed(*((bits, 8) for bits in handled))
    descriptor = syscall("landlock", LANDLOCK_CREATE, attributes, ctypes.c_size_t(size), ctypes.c_uint(0))
    for path, rights in plan["paths"]:
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue  # what is not there needs no way in
        rights &= handled[0] if os.path.isdir(path) else handled[0] & OF_FILES  # noqa: PTH112
        rule = packed((rights, 8), (place, 4))
        syscall(f"landlock {path}", LANDLOCK_ADD, ctypes.c_int(descriptor), ctypes.c_int(1), rule, ctypes.c_uint(0))
        os.close(place)
    return descriptor


def become(plan: dict[str, Any]) -> None:
    """Root becomes the stranger of the plan, who may at most read what his own file modes would hide from him."""
    user = plan["user"]
    if user is None:
        return
    if plan["search"]:
        prctl("keepcaps", PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    if plan["search"]:
        bit = 1 << CAP_DAC_READ_SEARCH
        header = packed((0x20080522, 4), (0, 4))
        sets = packed((bit, 4), (bit, 4), (bit, 4), (0, 4), (0, 4), (0, 4))
        syscall("capset", NUMBERS[plan["machine"]][1], header, sets)
        prctl("ambient capability", PR_CAP_AMBIENT, 2, CAP_DAC_READ_SEARCH)


def limit(plan: dict[str, Any]) -> None:
    for number, (soft, hard) in plan["limits"].items():
        ceiling = resource.getrlimit(number)[1]
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        resource.setrlimit(number, (soft, hard))


def install(plan: dict[str, Any]) -> None:
    program = plan["filter"].replace(MARK.to_bytes(4, "little"), os.getpid().to_bytes(4, "little"))
    buffer = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    pointer = ctypes.byref(Program(len(program) // 8, ctypes.addressof(buffer)))
    number = NUMBERS[plan["machine"]][0]
    syscall("seccomp", number, ctypes.c_uint(SECCOMP_SET_MODE_FILTER), ctypes.c_uint(0), pointer)


def confine(plan: dict[str, Any]) -> None:
    """All walls, in the only order in which each can still be put up."""
    rules = ruleset(plan)
    os.setsid()
    become(plan)
    prctl("parent's death", PR_SET_PDEATHSIG, signal.SIGKILL)
    prctl("no new privileges", PR_SET_NO_NEW_PRIVS, 1)
    syscall("landlock", LANDLOCK_RESTRICT, ctypes.c_int(rules), ctypes.c_uint(0))
    os.chdir(plan["folder"])
    limit(plan)
    install(plan)


def command(plan: dict[str, Any], status: int) -> None:
    """Never returns. A command that cannot be executed ends like one under a shell: 127 not found, 126 otherwise."""
    try:
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
            signal.signal(ignored, signal.SIG_DFL)
        confine(plan)
    except BaseException as error:  # noqa: BLE001 - whatever it is, nothing runs without the walls
        os.write(status, f"broken {error}".encode(errors="replace"))
        os._exit(125)
    try:
        os.set_inheritable(status, False)
        last = 2
        for kept in sorted([status, *plan["link"]]):
            os.closerange(last + 1, kept)
            last = kept
        os.closerange(last + 1, 65536)
        number = execute(plan["argv"], plan["environment"])
        os.write(2, f"cannot execute {plan['argv'][0]}: {os.strerror(number)}\n".encode(errors="replace"))
        os._exit(127 if number == errno.ENOENT else 126)
    finally:
        os._exit(126)


def execute(argv: list[str], environment: dict[str, str]) -> int:
    """Comes back only with the errno of a failure. Not ``os.execvpe``: that imports, and nothing may be read by now."""
    name, number = argv[0], errno.ENOENT
    places = [""] if "/" in name else [f"{place}/" for place in environment["PATH"].split(":")]
    for place in places:
        try:
            os.execve(place + name, argv, environment)
        except OSError as error:
            number = error.errno if error.errno and error.errno != errno.ENOENT else number
    return number


def sweep() -> None:
    """Kill and reap all that is left. What forks meanwhile becomes our child when its parent dies: until none is. The
    patience is for a machine so busy that a fork bomb gets more of it than we do: what is left behind goes on for ever.
    """
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            with open("/proc/self/task/%d/children" % os.getpid()) as stream:  # noqa: PTH123, UP031
                left = stream.read().split()
        except OSError:
            left = []
        for pid in left:
            for act in (forbid, kill):
                try:  # noqa: SIM105 - contextlib would be one more import
                    act(int(pid))
                except (OSError, ValueError):  # gone, or not ours to limit
                    pass
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.0005)


def forbid(pid: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_NPROC, (0, 0))


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def supervise(child: int, status: int) -> None:
    while True:
        pid, how = os.wait()
        if pid == child:
            break
    sweep()
    code = os.waitstatus_to_exitcode(how)
    os.write(status, (f"\nexit {code}" if code >= 0 else f"\nsignal {-code}").encode())


def give_up(*_: object) -> None:
    """Whoever started us was killed: nothing may outlive that."""
    sweep()
    os._exit(1)


def main() -> None:
    plan_end, status = int(sys.argv[1]), int(sys.argv[2])
    with os.fdopen(plan_end, "rb") as stream:
        plan = marshal.load(stream)
    prctl("subreaper", PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGTERM, give_up)
    prctl("parent's death", PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != plan["parent"]:
        return  # it ended before we could ask to be told
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        command(plan, status)
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    supervise(child, status)


if __name__ == "__main__":
    main()
