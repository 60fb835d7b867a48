"""Where things stand in a YAML file: the line of a key, and keys that stand twice. Pure; a file was composed before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import yaml


def line_of(node: yaml.Node | None, path: Sequence[int | str]) -> int:
    """The 1-based line of the deepest part of ``path`` (keys and indexes) that the file has."""
    line = node.start_mark.line + 1 if node is not None else 1
    for part in path:
        if isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if pair is None:
                return line
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            return line
    return line


def repeated_key(root: yaml.Node | None) -> tuple[str, int] | None:
    """The first key that stands twice in one mapping, with its 1-based line: YAML would silently take the last one."""
    for mapping in _mappings(root):
        seen: set[str] = set()
        for key, _ in mapping.value:
            name = str(key.value)
            if name in seen:
                return name, key.start_mark.line + 1
            seen.add(name)
    return None


def _mappings(root: yaml.Node | None) -> Iterator[yaml.MappingNode]:
    waiting, visited = [root], set[int]()
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in visited:  # an alias may lead back to where it stands
            continue
        visited.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            yield node
            waiting += [value for _, value in node.value]
