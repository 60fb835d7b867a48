"""``python.imports``: an import for each name that is used and bound nowhere.

Knows the modules of the standard library (a name followed by a dot) and the well-known names in them. Settings:
``members`` maps further names to the module that they come from (those of a house library, say), ``modules`` lists
further modules. A name that it does not know stays as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from metaagent.records import Brief
from metaagent.remedies.python.tree import is_python, parse, undefined, with_imports

_NAMES: Final[Mapping[str, str]] = {
    "abc": "ABC abstractmethod",
    "bisect": "bisect_left bisect_right insort",
    "collections": "ChainMap Counter OrderedDict defaultdict deque namedtuple",
    "collections.abc": "Hashable MutableMapping",
    "contextlib": "contextmanager suppress",
    "copy": "deepcopy",
    "dataclasses": "asdict astuple dataclass field",
    "datetime": "date datetime timedelta timezone",
    "decimal": "Decimal ROUND_CEILING ROUND_DOWN ROUND_FLOOR ROUND_HALF_DOWN ROUND_HALF_EVEN ROUND_HALF_UP ROUND_UP "
    "getcontext localcontext",
    "enum": "Enum IntEnum StrEnum auto",
    "fractions": "Fraction",
    "functools": "cache cached_property cmp_to_key lru_cache partial reduce singledispatch total_ordering wraps",
    "heapq": "heapify heappop heappush heappushpop nlargest nsmallest",
    "io": "BytesIO StringIO",
    "itertools": "accumulate chain combinations combinations_with_replacement cycle dropwhile groupby islice pairwise "
    "permutations product starmap takewhile tee zip_longest",
    "math": "ceil comb factorial floor gcd hypot isclose isqrt lcm log log10 log2 prod sqrt",
    "operator": "attrgetter itemgetter",
    "pathlib": "Path PurePath",
    "statistics": "fmean mean median mode multimode pstdev stdev",
    "string": "ascii_letters ascii_lowercase ascii_uppercase digits hexdigits punctuation",
    "textwrap": "dedent indent shorten",
    "typing": "Any Callable Dict FrozenSet Generator Generic Iterable Iterator List Literal Mapping NamedTuple "
    "Optional Protocol Sequence Set Tuple Type TypeVar Union",
    "unicodedata": "normalize",
    "urllib.parse": "parse_qs quote unquote urlencode urljoin urlparse urlsplit",
}
WELL_KNOWN: Final = {name: module for module, names in _NAMES.items() for name in names.split()}
"""Name -> the module of the standard library that it is known from."""
_IN_DATETIME: Final = frozenset(
    {"date", "datetime", "time", "timedelta", "timezone", "tzinfo", "UTC", "MINYEAR", "MAXYEAR"}
)


def fix(reply: str, brief: Brief, settings: Mapping[str, Any]) -> str | None:
    tree = parse(reply) if is_python(brief) else None
    if tree is None:
        return None
    lines = _lines(undefined(tree), settings.get("members", {}), settings.get("modules", ()))
    return with_imports(reply, tree, lines) if lines else None


def _lines(missing: Mapping[str, Sequence[str]], members: Mapping[str, str], modules: Sequence[str]) -> list[str]:
    plain, taken = set[str](), dict[str, list[str]]()
    for name, attributes in missing.items():
        if name in members:
            taken.setdefault(members[name], []).append(name)
        elif name in modules or _is_module(name, attributes):
            plain.add(name)
        elif name in WELL_KNOWN:
            taken.setdefault(WELL_KNOWN[name], []).append(name)
    from_lines = [f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(taken.items())]
    return [*(f"import {name}" for name in sorted(plain)), *from_lines]


def _is_module(name: str, attributes: Sequence[str]) -> bool:
    """Whether all uses ask an attribute of it, as of a module. ``datetime`` is a class where its attributes are."""
    if "" in attributes or name not in sys.stdlib_module_names or name.startswith("_"):
        return False
    return name != "datetime" or all(one in _IN_DATETIME for one in attributes)
