"""A task's YAML specification -> Task.

    title: Vendor of the scanned bill
    goal: Extract the vendor as JSON.
    domain: data.json.extract
    inputs: {text: {file: data/bill.txt}}
    artifact: {schema: {type: object, properties: {vendor: {type: string}}, required: [vendor]}}
    checks:
      public: [json.parse, json.schema, {json.format: {vendor: "[A-Z].*"}}]
      key: [{json.expected: {values: {vendor: Acme GmbH}}}]

For a JSON artifact json.parse and json.schema are implied where ``checks.public`` is absent. Beside python.cases the
examples in the task's own text are a public check too, python.examples (examples.py; ``checks: {examples: false}``
switches it off). Errors name the file, the line, the field and what to type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from metaagent.errors import SpecificationError, UsageError
from metaagent.records import ArtifactForm, Check, Limits, Task
from metaagent.tasks.examples import with_examples
from metaagent.tasks.identity import TASK_ID, content_hash
from metaagent.tasks.inputs import read_input
from metaagent.tasks.sheet import Location, Sheet, read_sheet
from metaagent.trust import needed
from metaagent.validators.base import KEY_ONLY, names, prepared
from metaagent.validators.options import nearest
from metaagent.validators.protocol import OptionsError

if TYPE_CHECKING:
    from metaagent.tasks.models import ArtifactModel, ChecksModel, LimitsModel, TaskModel, _Head

Model = TypeVar("Model", bound="_Head")


@dataclass(frozen=True, slots=True)
class Place:
    """Where specifications are read: the workspace, and the limits of tasks that set none."""

    root: Path
    limits: Limits = field(default_factory=Limits)

    def shown(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)


def read_specification(path: Path, place: Place) -> Task:
    """The one task that the file specifies. Its id is the file's name where the file names none."""
    return task_of(read_sheet(path, place.shown(path)), place)


def task_of(sheet: Sheet, place: Place) -> Task:
    from metaagent.tasks.models import TaskModel

    model = validated(sheet, TaskModel)
    task_id = model.id or sheet.path.stem
    if not TASK_ID.fullmatch(task_id):
        raise sheet.error(f"the file's name {task_id!r} is not a task id", mend="add a line like id: TASK-012")
    artifact = artifact_form(model.artifact, model.checks)
    checks = Checks.read(sheet, model.checks, artifact, place)
    checks.prepare(sheet)
    inputs = _inputs(sheet, model, place)
    judged = with_examples(checks.all, (model.goal, *inputs.values()), wanted=model.checks.examples)
    return Task(
        id=task_id,
        title=model.title or model.goal.strip().split("\n", 1)[0][:120],
        goal=model.goal,
        domain=model.domain,
        priority=model.priority,
        due=model.due,
        depends=model.depends,
        inputs=inputs,
        artifact=artifact,
        checks=judged,
        limits=limits(model.limits, place.limits),
        strategy=model.strategy,
        group=model.group,
        family=model.family,
        reference=model.reference,
        source=sheet.shown,
        hash=content_hash(model.goal, inputs, artifact, judged, checks.files),
    )


def validated(sheet: Sheet, kind: type[Model]) -> Model:
    """The sheet as a model; SpecificationError with line and field for the first thing that does not hold."""
    from pydantic import ValidationError

    try:
        return kind.model_validate(sheet.values)
    except ValidationError as error:
        errors = error.errors()
        first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
        location: Location = [part for part in first["loc"] if part != "[key]"]
        if first["type"] == "extra_forbidden":
            known = _known(kind, location[:-1])
            message = f"unknown key {location[-1]!r}{nearest(str(location[-1]), known)}"
            raise _unknown(sheet, location, message) from None
        said = first["msg"].removeprefix("Value error, ")
        if first["type"] == "missing":
            raise sheet.error("is missing", location, mend=f"add {location[-1]}: to {sheet.shown}") from None
        raise sheet.error(said, location) from None


def _unknown(sheet: Sheet, location: Location, message: str) -> SpecificationError:
    where = f"{sheet.shown}:{sheet.line(location)}"
    return SpecificationError(f"{where}: {message}", mend=f"edit {where}")


def _known(kind: type[Any], location: Location) -> list[str]:
    for part in location:
        known = kind.model_fields.get(str(part))
        kind = known.annotation if known is not None and known.annotation is not None else kind
    fields = getattr(kind, "model_fields", {})
    return [one.alias or name for name, one in fields.items()]


def limits(model: LimitsModel, defaults: Limits) -> Limits:
    """The task's own limits over the defaults, field by field."""
    own = {name: getattr(model, name) for name in model.model_fields_set}
    everything = {name: getattr(defaults, name) for name in ("attempts", "seconds", "tokens", "cost")}
    return Limits(**{**everything, **own})


def artifact_form(model: ArtifactModel, checks: ChecksModel) -> ArtifactForm:
    """The form, JSON where it has a schema or is checked as JSON and says nothing else."""
    named = [name for item in [*(checks.public or ()), *checks.key] for name in _names(item)]
    json_like = model.form is not None or any(name.startswith("json.") for name in named)
    return ArtifactForm(model.format or ("json" if json_like else "text"), model.form, model.name)


def _shares(check: Check, artifact: ArtifactForm) -> bool:
    """Whether the check's schema is the one that stands under ``artifact``."""
    return artifact.schema is not None and check.options.get("schema") is artifact.schema


def _names(item: Any) -> list[str]:
    return [str(name) for name in item] if isinstance(item, Mapping) else [str(item)]


def _inputs(sheet: Sheet, model: TaskModel, place: Place) -> dict[str, str]:
    inputs: dict[str, str] = {}
    for name, value in model.inputs.items():
        try:
            inputs[name] = read_input(value, place.root, forbidden=(sheet.path,))
        except SpecificationError as error:
            raise sheet.error(error.message, ("inputs", name), mend=error.mend) from None
    return inputs


@dataclass(frozen=True, slots=True)
class Checks:
    """The checks of a specification, where each stands, and the hashes of the files they run."""

    public: tuple[Check, ...]
    key: tuple[Check, ...]
    places: tuple[Location, ...]
    files: Mapping[str, str]

    @property
    def all(self) -> tuple[Check, ...]:
        return self.public + self.key

    @classmethod
    def read(cls, sheet: Sheet, model: ChecksModel, artifact: ArtifactForm, place: Place) -> Checks:
        if model.public is None:
            public = implied(artifact)
            public_places: list[Location] = [("checks",)] * len(public)
        else:
            public_places = [("checks", "public", index) for index in range(len(model.public))]
            public = _read_all(sheet, model.public, public_places, artifact, public=True)
        key_places: list[Location] = [("checks", "key", index) for index in range(len(model.key))]
        key = _read_all(sheet, model.key, key_places, artifact, public=False)
        stated = zip((*public, *key), (*public_places, *key_places), strict=True)
        places = tuple(("artifact", "schema") if _shares(check, artifact) else location for check, location in stated)
        return cls(public, key, places, _files(sheet, (*public, *key), places, place))

    def prepare(self, sheet: Sheet) -> None:
        """Compile every check now, so that an option that does not hold is an error of this file, not of a run."""
        for check, location in zip(self.all, self.places, strict=True):
            prepare(sheet, check, location)


def prepare(sheet: Sheet, check: Check, location: Location) -> None:
    try:
        prepared(check)
    except OptionsError as error:
        if location[0] != "artifact":
            location = [*location, check.validator, *([error.option] if error.option else [])]
        where = f"{sheet.shown}:{sheet.line(location)}"
        known = check.validator if check.validator in names() else ""
        mend = f"edit {where}; {f'metaagent task checks {known}'.strip()} shows what is known"
        raise sheet.error(error.message, location, mend=mend) from None


def implied(artifact: ArtifactForm) -> tuple[Check, ...]:
    """The public checks of a JSON artifact whose specification names none."""
    if artifact.format != "json":
        return ()
    parse = Check("json.parse", True)
    if artifact.schema is None:
        return (parse,)
    return (parse, Check("json.schema", True, {"schema": artifact.schema}))


def _read_all(
    sheet: Sheet, items: list[Any], places: list[Location], artifact: ArtifactForm, *, public: bool
) -> tuple[Check, ...]:
    pairs = zip(items, places, strict=True)
    return tuple(_read_check(sheet, item, location, artifact, public=public) for item, location in pairs)


def _read_check(sheet: Sheet, item: Any, location: Location, artifact: ArtifactForm, *, public: bool) -> Check:
    if isinstance(item, str):
        name, options = item, None
    elif isinstance(item, dict) and len(item) == 1:
        name, options = next(iter(item.items()))
    else:
        raise sheet.error(
            "a check is a name, or one name with its options: {text.length: {words: {max: 50}}}", location
        )
    if public and name in KEY_ONLY:
        raise sheet.error(f"{name} holds the answer and cannot be public", location, mend="move it under checks: key:")
    settings = _options(str(name), options, artifact)
    if not isinstance(settings, Mapping):
        raise sheet.error(f"the options of {name} must be a mapping", location)
    return Check(str(name), public, settings)


_SHORT: dict[str, tuple[str, type]] = {
    "text.contains": ("all", list),
    "text.forbids": ("any", list),
    "text.expected": ("value", str),
}


def _options(name: str, options: Any, artifact: ArtifactForm) -> Any:
    if name == "json.schema" and not options and artifact.schema is not None:
        return {"schema": artifact.schema}
    if name in _SHORT and isinstance(options, _SHORT[name][1]):
        return {_SHORT[name][0]: options}
    if name == "user" and isinstance(options, str):
        file, _, function = options.partition(":")
        return {"file": file, "function": function} if function else {"file": file}
    return {} if options is None else options


def _files(sheet: Sheet, checks: tuple[Check, ...], places: tuple[Location, ...], place: Place) -> dict[str, str]:
    files: dict[str, str] = {}
    for check, location in zip(checks, places, strict=True):
        try:
            files.update(needed(place.root, check))
        except UsageError as error:
            raise sheet.error(error.message, [*location, check.validator], mend=error.mend) from None
    return files
