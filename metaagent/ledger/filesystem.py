"""Refuses network file systems: SQLite's WAL needs shared memory and working locks, which they do not give."""

from __future__ import annotations

import re
from pathlib import Path

from metaagent.errors import StorageError

_NETWORK = frozenset(
    {
        *("9p", "acfs", "afs", "afpfs", "beegfs", "ceph", "cifs", "coda", "davfs", "glusterfs", "gpfs", "lustre"),
        *("ncpfs", "nfs", "nfs4", "orangefs", "panfs", "pvfs2", "smb3", "smbfs", "webdav"),
        *("fuse.ceph", "fuse.davfs", "fuse.davfs2", "fuse.gcsfuse", "fuse.glusterfs", "fuse.juicefs", "fuse.rclone"),
        *("fuse.s3fs", "fuse.sshfs"),
    }
)


def filesystem_of(path: Path, mountinfo: Path = Path("/proc/self/mountinfo")) -> str | None:
    """The file system type that holds ``path``; None where the platform has no ``mountinfo``."""
    try:
        lines = mountinfo.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    target, best, found = path.resolve(), -1, None
    for line in lines:
        fields, _, tail = line.partition(" - ")
        point = Path(_unescape(fields.split()[4]))
        depth = len(point.parts)
        if depth >= best and (target == point or point in target.parents):
            best, found = depth, tail.split()[0]
    return found


def refuse_network(path: Path, mountinfo: Path = Path("/proc/self/mountinfo")) -> None:
    kind = filesystem_of(path, mountinfo)
    if kind in _NETWORK:
        raise StorageError(
            f"{path} is on a network file system ({kind}); a ledger there can be corrupted",
            mend="move the workspace to a local disk, then: metaagent -C DIR status",
        )


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
