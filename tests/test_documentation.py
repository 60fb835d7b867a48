"""The documentation is proven from the code: metaagent/cli/commands.md is made from the command line and held here.

To write it anew after a change of the command line: ``python -m tests.test_documentation``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from metaagent import errors
from metaagent.cli.app import EXIT_STATUSES, NOUNS, load

REPOSITORY = Path(__file__).resolve().parent.parent
REFERENCE = REPOSITORY / "metaagent" / "cli" / "commands.md"
GLOBAL = {"-C", "--json", "--quiet", "--verbose", "--debug", "--help"}
HEAD = """\
# Commands

Generated from the command line itself (`python -m tests.test_documentation`); a test holds it.
Every command also takes `-C DIR`, `--json`, `--quiet`, `--verbose`, `--debug` and `--help`.
"""


def reference() -> str:
    parts = [HEAD]
    for title, nouns in NOUNS.items():
        parts.append(f"## {title}\n")
        for name, summary in nouns.items():
            parts.append(f"### metaagent {name}\n\n{summary}\n\n{''.join(_verbs(name))}")
    return "\n".join(parts) + f"\n## Exit statuses\n\n```\n{EXIT_STATUSES.partition(chr(10))[2]}```\n"


def _verbs(name: str) -> Iterator[str]:
    yield from _command(f"metaagent {name}", load(name))


def _command(words: str, command: Any) -> Iterator[str]:
    """One command; of a group its verbs, and the group itself where it does something when called bare."""
    verbs = getattr(command, "commands", None)
    if verbs is None or command.invoke_without_command:
        yield from _lines(words, command)
    for verb, one in (verbs or {}).items():
        yield from _command(f"{words} {verb}", one)


def _lines(words: str, command: Any) -> Iterator[str]:
    help_text = " ".join((command.help or "").split("\n\n")[0].split())
    arguments = [_argument(param) for param in command.params if param.param_type_name == "argument"]
    yield f"- `{' '.join([words, *arguments])}`: {help_text}\n"
    for param in command.params:
        if param.param_type_name == "option" and not GLOBAL.intersection(param.opts):
            yield f"  - `{', '.join(param.opts)}`: {param.help}\n"


def _argument(param: Any) -> str:
    name = (param.metavar or param.name.upper()).strip("[]")
    shown = name if param.nargs == 1 or name.endswith("...") else f"{name}..."
    return shown if param.required else f"[{shown}]"


def test_the_reference_is_what_the_command_line_says() -> None:
    assert REFERENCE.read_text(encoding="utf-8") == reference(), "run: python -m tests.test_documentation"


def test_every_option_has_a_help_text() -> None:
    assert "`: None" not in REFERENCE.read_text(encoding="utf-8")


def test_every_command_that_the_readme_names_exists() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    for noun, verb in re.findall(r"metaagent(?: -C \S+| --?[a-z]+)* ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", _code(text)):
        assert any(noun in group for group in NOUNS.values()), f"README names metaagent {noun}"
        verbs = getattr(load(noun), "commands", None)
        if verbs is not None and (verb or noun not in BARE):
            assert verb in verbs, f"README names metaagent {noun} {verb}"


BARE = frozenset({"learn"})
"""Groups that do something without a verb."""


def _code(text: str) -> str:
    """The fenced blocks and code spans of a Markdown text."""
    blocks = re.findall(r"^```(?:sh|console)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`(metaagent [^`\n]*)`", text)])


def test_the_exception_tree_and_the_help_name_the_same_statuses() -> None:
    drawn = {int(number) for number in re.findall(r"Error\s+(\d+)\s", errors.__doc__ or "")} | {0, 70}
    assert drawn == {int(line.split()[0]) for line in EXIT_STATUSES.splitlines()[1:]}


if __name__ == "__main__":
    REFERENCE.parent.mkdir(exist_ok=True)
    REFERENCE.write_text(reference(), encoding="utf-8")
