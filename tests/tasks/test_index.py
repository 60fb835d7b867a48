from __future__ import annotations

from pathlib import Path

import pytest

from metaagent.errors import NotFoundError, SpecificationError
from metaagent.records import Limits
from metaagent.tasks.index import SpecIndex
from tests.tasks.workspace import SET, SINGLE, workspace, write


def test_tasks_are_found_by_id(tmp_path: Path) -> None:
    index = SpecIndex(workspace(tmp_path), Limits(attempts=7))
    single, row = index.get("TASK-012"), index.get("INV-003")
    assert single is not None and row is not None
    assert (single.limits.attempts, row.limits.attempts) == (5, 7)
    assert index.get("INV-999") is None
    assert index.get("TASK-404") is None
    assert index.get("INV-003") is row


def test_listings(tmp_path: Path) -> None:
    index = SpecIndex(workspace(tmp_path, 2))
    assert index.sets() == ("invoices",)
    assert index.ids() == ("INV-001", "INV-002", "TASK-012")
    assert [task.id for task in index.tasks()] == ["INV-001", "INV-002", "TASK-012"]
    assert [path.name for path in index.files()] == ["invoices.yaml", "one.yaml"]
    with pytest.raises(NotFoundError, match="known: invoices"):
        index.set("bills")


def test_a_workspace_without_specifications(tmp_path: Path) -> None:
    index = SpecIndex(tmp_path)
    assert (index.get("TASK-001"), index.ids(), index.problems()) == (None, (), ())


def test_a_broken_file_hurts_only_its_own_tasks(tmp_path: Path) -> None:
    workspace(tmp_path, tasks__bad_yaml="id: BAD-1\ngoal: [", tasks__invoices_jsonl="{")
    index = SpecIndex(tmp_path)
    assert index.get("TASK-012") is not None
    assert index.get("TASK-999") is None
    for task_id in ("BAD-1", "INV-001"):
        with pytest.raises(SpecificationError):
            index.get(task_id)
    assert [error.message.split(":")[0] for error in index.problems()] == ["tasks/bad.yaml", "tasks/invoices.jsonl"]


def test_the_board_may_name_the_file(tmp_path: Path) -> None:
    index = SpecIndex(workspace(tmp_path, data__other_yaml="goal: Other"))
    for spec in ("data/other.yaml", "one.yaml", "one", "tasks/one.yaml"):
        found = SpecIndex(tmp_path).get("TASK-5", spec)
        assert found is not None
    assert index.get("INV-002", "invoices") is not None
    assert index.get("TASK-6", "invoices") is None
    for spec in ("nope", "../x.yaml"):
        with pytest.raises(SpecificationError):
            index.get("TASK-7", spec)


def test_an_id_in_two_files_is_refused(tmp_path: Path) -> None:
    workspace(tmp_path, tasks__two_yaml=SINGLE)
    with pytest.raises(SpecificationError, match=r"tasks/two.yaml: the id TASK-012 is that of tasks/one.yaml too"):
        SpecIndex(tmp_path).get("TASK-012")


@pytest.mark.parametrize("line", ["id: TASK-9", 'id: "TASK-9"  # nine', "id:   'TASK-9'", "id: TASK-9\r"])
def test_ids_are_scanned_as_yaml_reads_them(tmp_path: Path, line: str) -> None:
    write(tmp_path, tasks__x_yaml=f"{line}\ngoal: |\n  id: no\n")
    found = SpecIndex(tmp_path).get("TASK-9")
    assert found is not None
    assert found.id == "TASK-9"


def test_the_file_name_is_the_id_where_the_file_names_none(tmp_path: Path) -> None:
    write(tmp_path, **{"tasks__TASK-3_yaml": "goal: x"})
    assert SpecIndex(tmp_path).get("TASK-3") is not None


def test_a_set_is_not_read_for_ids_that_it_cannot_have(tmp_path: Path) -> None:
    workspace(tmp_path, tasks__invoices_yaml=SET.replace("goal", "gaol"))
    assert SpecIndex(tmp_path).get("TASK-1") is None


@pytest.mark.parametrize(("spec", "place"), [("mine.yaml", "tasks/mine.yaml"), ("tasks/mine.yaml", "tasks/mine.yaml")])
def test_a_file_that_is_missing_is_to_be_made_where_the_board_says(tmp_path: Path, spec: str, place: str) -> None:
    with pytest.raises(SpecificationError) as caught:
        SpecIndex(workspace(tmp_path)).get("TASK-001", spec)
    assert caught.value.mend == f"create {place}"
