"""All probes at both levels as whoever runs this, for a test that starts it as an ordinary user. Prints JSON."""

from __future__ import annotations

import json

from metaagent.errors import EnvironmentFailedError
from metaagent.sandbox.choose import BACKENDS
from metaagent.sandbox.probes import prove

if __name__ == "__main__":
    found = {}
    for name, _, make in BACKENDS:
        try:
            found[name] = prove(make()).to_json()
        except EnvironmentFailedError as error:
            found[name] = {"problem": error.message, "results": []}
    print(json.dumps(found))  # noqa: T201
