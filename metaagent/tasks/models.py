"""The form of a specification file, as pydantic models. Only specification.py and sets.py import this."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from metaagent.records import Priority, Strategy
from metaagent.tasks.identity import TASK_ID


def _task_id(text: str) -> str:
    if not TASK_ID.fullmatch(text):
        raise ValueError(f"{text!r} is not a task id: a letter, then letters, digits, dots, dashes")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text


def _listed(value: Any) -> Any:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


TaskId = Annotated[str, AfterValidator(_task_id)]
Text = Annotated[str, AfterValidator(_not_blank)]
TaskIds = Annotated[tuple[TaskId, ...], BeforeValidator(_listed)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), populate_by_name=False)


class ArtifactModel(_Part):
    format: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")] | None = None
    form: dict[str, Any] | None = Field(None, alias="schema")
    name: Text | None = None


class ChecksModel(_Part):
    """Each item is a check's name, or one name with its options; specification.py reads them."""

    public: list[Any] | None = None
    key: list[Any] = []
    examples: bool = True


class LimitsModel(_Part):
    attempts: int | None = Field(None, ge=1)
    seconds: float | None = Field(None, gt=0)
    tokens: int | None = Field(None, ge=1)
    cost: float | None = Field(None, gt=0)


class _Head(_Part):
    """What a single task and a set have in common."""

    goal: Text
    domain: Annotated[str, Field(pattern=r"^[a-z0-9_-]+(\.[a-z0-9_-]+)*$")] | None = None
    artifact: ArtifactModel = ArtifactModel()
    checks: ChecksModel = ChecksModel()
    limits: LimitsModel = LimitsModel()
    strategy: Strategy | None = None
    priority: Priority = Priority.NORMAL
    due: date | None = None
    depends: TaskIds = ()


class TaskModel(_Head):
    id: TaskId | None = None
    title: Text | None = None
    inputs: dict[str, Any] = {}
    reference: str | None = None
    group: str | None = None
    family: str | None = None


class ColumnModel(_Part):
    column: Text


class SetModel(_Head):
    set: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    rows: Text
    id: Text | ColumnModel | None = None
    title: Text | None = None
    inputs: list[Text] | dict[str, Any]
    expect: list[Text] | dict[str, Text] | Text | None = None
    group: Text | None = None
    family: Text | None = None
