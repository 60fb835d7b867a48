"""Entry point. Answers ``--version`` before anything heavy is imported."""

from __future__ import annotations

import os
import sys


def main() -> None:
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed before we began (>&-)
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - open until the end
    if sys.argv[1:] == ["--version"]:
        from metaagent import __version__

        try:
            print(f"metaagent {__version__}", flush=True)  # noqa: T201 - the one answer that does not wait for the rest
        except OSError:  # the whole command line says it better, on a stream that holds nothing of ours yet
            sys.stdout = open(os.dup(1), "w", encoding="utf-8")  # noqa: SIM115, PTH123 - open until the end
        else:
            return
    try:
        from metaagent.cli.app import run_cli
    except KeyboardInterrupt:
        sys.exit(130)
    run_cli()


if __name__ == "__main__":
    main()
