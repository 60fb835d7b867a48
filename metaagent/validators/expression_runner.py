"""Tries one regular expression on one text, in a process that can be ended: JSON on stdin, the span on stdout."""

from __future__ import annotations

import json
import re
import sys


def main() -> None:
    order = json.loads(sys.stdin.buffer.read())
    expression = re.compile(order["pattern"], order["flags"])
    found = (expression.fullmatch if order["whole"] else expression.search)(order["text"])
    sys.stdout.write(json.dumps(None if found is None else found.span()))


if __name__ == "__main__":
    main()
