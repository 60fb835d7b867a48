"""A small workspace with specifications, for the tests of this folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metaagent.records import Status

SINGLE = """\
id: TASK-012
title: Vendor of the scanned bill
goal: |
  Extract the vendor as JSON.
domain: data.json.extract
inputs: {text: {file: data/bill.txt}}
artifact: {schema: {type: object, properties: {vendor: {type: string}}, required: [vendor]}}
checks:
  public: [json.parse, json.schema, {json.format: {vendor: "[A-Z].*"}}]
  key: [{json.expected: {values: {vendor: Acme GmbH}}}]
limits: {attempts: 5}
depends: [TASK-001]
priority: high
due: 2026-12-01
reference: '{"vendor": "Acme GmbH"}'
"""
SET = """\
set: invoices
id: "INV-{row:03}"
title: "Invoice {id}"
goal: Extract the invoice as JSON.
artifact:
  schema:
    type: object
    properties: {customer: {type: string}, total: {type: number}}
    required: [customer, total]
rows: invoices.jsonl
inputs: [text]
expect: [customer, total]
checks: {key: [{json.expected: {tolerance: {total: 0.01}}}]}
"""


@dataclass(frozen=True)
class Line:
    """What a board's line is to ``join``."""

    id: str | None = "TASK-012"
    title: str = "A title"
    status: Status = Status.ASSIGNED
    assignees: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    line: int = 12


def rows(count: int) -> str:
    records = [
        {"text": f"text {n}", "customer": f"c{n}", "total": n, "group": f"g{n}", "family": "f"}
        for n in range(1, count + 1)
    ]
    return "".join(json.dumps(record) + "\n" for record in records)


def write(root: Path, **files: str | bytes) -> Path:
    """Files by name with ``/`` as ``__``: ``write(root, tasks__a_yaml="...")``; one ``_`` before the ending."""
    for name, content in files.items():
        path = root / (name.replace("__", "/").rpartition("_")[0] + "." + name.rpartition("_")[2])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def workspace(root: Path, count: int = 5, **files: Any) -> Path:
    return write(
        root,
        **{
            "tasks__one_yaml": SINGLE,
            "tasks__invoices_yaml": SET,
            "tasks__invoices_jsonl": rows(count),
            "data__bill_txt": "Bill of Acme",
            **files,
        },
    )
