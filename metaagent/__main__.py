"""Entry point. Answers ``--version`` before anything heavy is imported."""

from __future__ import annotations

import sys


def main() -> None:
    if sys.argv[1:] == ["--version"]:
        from metaagent import __version__

        sys.stdout.write(f"metaagent {__version__}\n")
        return
    try:
        from metaagent.cli.app import run_cli
    except KeyboardInterrupt:
        sys.exit(130)
    run_cli()


if __name__ == "__main__":
    main()
