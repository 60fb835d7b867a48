from __future__ import annotations

from pathlib import Path

import pytest

from metaagent.errors import StorageError
from metaagent.ledger.filesystem import filesystem_of, refuse_network

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:26 / /net rw,relatime shared:2 master:1 - nfs4 server:/export rw
31 30 0:27 / /net/local rw - tmpfs tmpfs rw
32 22 0:28 / /with\\040space rw - cifs //server/share rw
33 22 0:29 / /home/me/remote rw - fuse.sshfs me@host: rw
34 22 0:30 / /over rw - nfs server:/x rw
35 22 0:31 / /over rw - ext4 /dev/vdb rw
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    file = tmp_path / "mountinfo"
    file.write_text(MOUNTS)
    return file


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/a", "ext4"),
        ("/net", "nfs4"),
        ("/net/a/b", "nfs4"),
        ("/network/a", "ext4"),
        ("/net/local/a", "tmpfs"),
        ("/with space/a", "cifs"),
        ("/home/me/remote/a", "fuse.sshfs"),
        ("/over/a", "ext4"),
    ],
)
def test_the_deepest_and_latest_mount_counts(mounts: Path, path: str, kind: str) -> None:
    assert filesystem_of(Path(path), mounts) == kind


def test_network_is_refused_with_a_mend(mounts: Path) -> None:
    with pytest.raises(StorageError, match="nfs4") as caught:
        refuse_network(Path("/net/a"), mounts)
    assert caught.value.mend
    refuse_network(Path("/srv"), mounts)


def test_without_mountinfo_nothing_is_refused(tmp_path: Path) -> None:
    refuse_network(Path("/net/a"), tmp_path / "none")


def test_the_real_table_can_be_read(tmp_path: Path) -> None:
    if Path("/proc/self/mountinfo").exists():
        assert filesystem_of(tmp_path)
