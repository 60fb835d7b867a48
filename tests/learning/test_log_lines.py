"""Lines in the manner of eight kinds of system log, with values drawn at random: each template is one group, and the
groups do not depend on the order. None of these sets is among those the masks were measured on."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable

import pytest

from metaagent.learning.fingerprints.fingerprint import Miner

USERS = [
    "root",
    "admin",
    "webmaster",
    "test",
    "guest",
    "oracle",
    "ubuntu",
    "pi",
    "ftp",
    "uucp",
    "support",
    "nagios",
    "git",
    "postgres",
    "mysql",
    "tomcat",
]
HOSTS = ["ns.example.org", "customer.stream.nl", "5.36.dynamic.omantel.net", "ip-10-0.internal.net", "mail.foo.de"]

LINES: dict[str, list[str]] = {
    "storage": [
        "Receiving block {blk} src: /{ip}:{n} dest: /{ip}:{n}",
        "PacketResponder {n} for block {blk} terminating",
        "Received block {blk} of size {n} from /{ip}",
        "BLOCK* NameSystem.addStoredBlock: blockMap updated: {ip}:{n} is added to {blk} size {n}",
        "BLOCK* NameSystem.delete: {blk} is added to invalidSet of {ip}:{n}",
        "BLOCK* ask {ip}:{n} to delete  {blk} {blk} {blk}",
        "{ip}:{n}:Got exception while serving {blk} to /{ip}:",
        "Deleting block {blk} file /mnt/hadoop/dfs/data/current/subdir{n}/{blk}",
    ],
    "executor": [
        "Finished task {n}.0 in stage {n}.0 (TID {n}). {n} bytes result sent to driver",
        "Running task {n}.0 in stage {n}.0 (TID {n})",
        "Block broadcast_{n} stored as values in memory (estimated size {n}.5 KB, free {n}.4 MB)",
        "Block broadcast_{n}_piece0 stored as bytes in memory (estimated size {n}.0 B, free {n}.9 KB)",
        "Input split: hdfs://{ip}:9000/logs/a.log:0+{n}",
        "attempt_{n}_{n}_m_{n}_{n}: Committed",
        "Times: total = {n}, boot = -{n}, init = {n}, finish = 0",
        "Changing view acls to: yarn,curi",
    ],
    "supercomputer": [
        "generating core.{n}",
        "CE sym {n}, at 0x{hex}, mask 0x{hex}",
        "total of {n} ddr error(s) detected and corrected",
        "{n} torus receiver {axis} input pipe error(s) (dcr 0x{hex}) detected and corrected",
        "iar {hex} dear {hex}",
        "ciod: LOGIN chdir(/p/gb1/stella/{n}) failed: Input/output error",
        "ciod: LOGIN chdir(/home/x/{n}) failed: No such file or directory",
        "data store interrupt caused by dcbf.........{n}",
        "data store interrupt caused by icbi.........{n}",
        "ido chip status changed: J{n}/U{n} {mac} vpd=unavail",
    ],
    "quorum": [
        "Established session 0x{hex} with negotiated timeout {n} for client /{ip}:{n}",
        "Closed socket connection for client /{ip}:{n} which had sessionid 0x{hex}",
        "Closed socket connection for client /{ip}:{n} (no session established for client)",
        "tickTime set to {n}",
        "minSessionTimeout set to -{n}",
        "maxSessionTimeout set to -{n}",
        "Connection broken for id {n}, my id = {n}, error =",
    ],
    "cluster": [
        "session opened for user root by (uid=0)",
        "session closed for user root",
        "(root) CMD (run-parts /etc/cron.hourly)",
        "data_thread() got not answer from any [Cluster_{letter}{n}] datasource",
        "DHCPDISCOVER from {mac} via eth{n}: network {letter}_net: no free leases",
        "DHCPDISCOVER from {mac} via eth{n}",
        "DHCPACK on {ip} to {mac} via eth{n}",
        "ACPI: PCI interrupt 0000:{byte}:{byte}.1[{letter}] -> GSI {n} (level, low) -> IRQ {n}",
        "synchronized to {ip}, stratum {n}",
    ],
    "web": [
        "workerEnv.init() ok /etc/httpd/conf/workers2.properties",
        "mod_jk child workerEnv in error state {n}",
        "jk2_init() Found child {n} in scoreboard slot {n}",
        "jk2_init() Can't find child {n} in scoreboard",
        "[client {ip}] Directory index forbidden by rule: /var/www/html/",
    ],
    "shell": [
        "reverse mapping checking getaddrinfo for {host} [{ip}] failed - POSSIBLE BREAK-IN ATTEMPT!",
        "Invalid user {user} from {ip}",
        "input_userauth_request: invalid user {user} [preauth]",
        "pam_unix(sshd:auth): check pass; user unknown",
        "Failed password for invalid user {user} from {ip} port {n} ssh2",
        "Failed password for {user} from {ip} port {n} ssh2",
        "Received disconnect from {ip}: 11: Bye Bye [preauth]",
        "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={host}",
    ],
    "laptop": [
        "ARPT: {n}.{n}: wl0: wl_update_tcpkeep_seq: Original Seq: {n}, Ack: {n}, Win size: 4096",
        "AppleThunderboltNHIType2::prePCIWake - power up complete - took {n} us",
        "en{n}: BSSID changed to {mac}",
        "in6_unlink_ifa: IPv6 address 0x{hex} has no prefix",
        "tcp_connection {n} connectx to {ip}:443@0 failed: [50] Network is down",
        "tcp_connection {n} connectx to {ip}:443@0 failed: [51] Network is unreachable",
        "Sandbox: com.apple.Addres({n}) deny(1) network-outbound /private/var/run/mDNSResponder",
    ],
}


def makers(rng: random.Random) -> dict[str, Callable[[], str]]:
    def digits(size: int) -> str:
        return "".join(rng.choice("0123456789abcdef") for _ in range(size))

    return {
        "n": lambda: str(rng.randrange(10 ** rng.randint(1, 5))),
        "ip": lambda: ".".join(str(rng.randint(1, 254)) for _ in range(4)),
        "blk": lambda: f"blk_{rng.choice(['', '-'])}{rng.randrange(10**18)}",
        "hex": lambda: f"0{digits(7)}",
        "byte": lambda: digits(2),
        "mac": lambda: ":".join(digits(2) for _ in range(6)),
        "axis": lambda: rng.choice("xyz") + rng.choice("+-"),
        "letter": lambda: rng.choice("ABCDE"),
        "user": lambda: rng.choice(USERS),
        "host": lambda: rng.choice(HOSTS),
    }


def stream(name: str, seed: int, size: int = 1500) -> list[tuple[int, str]]:
    """(the true group, the line)"""
    rng = random.Random(seed)
    make = makers(rng)
    weights = [rng.choice([1, 2, 5, 20]) for _ in LINES[name]]
    chosen = rng.choices(range(len(weights)), weights, k=size)
    return [(true, re.sub(r"\{(\w+)\}", lambda found: make[found[1]](), LINES[name][true])) for true in chosen]


def groups(lines: Iterable[str]) -> list[str]:
    miner = Miner()
    numbers = [miner.line(line) for line in lines]
    found = miner.groups()
    return [found[number].id for number in numbers]


def accuracy(true: list[int], found: list[str]) -> float:
    def partition(labels: Iterable[object]) -> set[tuple[int, ...]]:
        gathered = defaultdict(list)
        for index, label in enumerate(labels):
            gathered[label].append(index)
        return {tuple(indexes) for indexes in gathered.values()}

    return sum(map(len, partition(true) & partition(found))) / len(true)


@pytest.mark.parametrize("name", LINES)
def test_each_template_is_one_group(name: str) -> None:
    for seed in range(3):
        items = stream(name, seed)
        assert accuracy([true for true, _ in items], groups(line for _, line in items)) >= 0.97, seed


def test_one_stream_of_all_in_any_order() -> None:
    lines = [line for name in LINES for _, line in stream(name, 1, 300)]
    found = dict(zip(lines, groups(lines), strict=True))
    again = list(lines)
    random.Random(5).shuffle(again)
    assert dict(zip(again, groups(again), strict=True)) == found
