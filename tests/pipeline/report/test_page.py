"""The page of a run: what it did, what stopped it, and that it runs nothing, whatever the data hold."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipeline.lineage.store import Lineage
from pipeline.node_run import run_node
from pipeline.report.page import report
from pipeline.runner import run_pipeline
from tests.pipeline.real.project import STEPS, Project, make_project


class Page(HTMLParser):
    """Rows of tables, text by the element it stands in, and every address that the page names."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._cells: list[list[str]] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.said = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "srcset")]
        if tag == "tr":
            self._cells.append([])
        if tag in ("td", "th") and self._cells:
            self._cells[-1].append("")

    def handle_data(self, data: str) -> None:
        self.said += data
        if self._cells and self._cells[-1]:
            self._cells[-1][-1] += data

    @property
    def rows(self) -> list[list[str]]:
        """The cells of all rows of all tables."""
        return [[" ".join(cell.split()) for cell in row] for row in self._cells if row]

    def row(self, first: str) -> list[str]:
        """The first row that begins so."""
        return next(row for row in self.rows if row[0] == first)


@pytest.fixture
def page(project: Path) -> Iterator[Callable[..., Page]]:
    """Makes the page of a run."""
    with closing(Lineage(project / ".trainworks" / "metadata.sqlite")) as lineage:

        def page(run_id: str) -> Page:
            run = lineage.run(run_id)
            assert run is not None
            return Page(report(run, lineage.for_run(run_id)))

        yield page


def test_a_run_that_succeeded(toys: ModuleType, project: Path, page: Callable[..., Page]) -> None:
    result = run_pipeline(toys.toy_pipeline(project))
    shown = page(result.run_id)
    assert shown.row("ToyPusher")[1] == "executed"
    assert shown.row("skipped")[1:3] == ["champion", "a champion"]
    assert shown.row("accuracy")[1] == "0.9000"
    model = result["ToyTrainer"].outputs["model"].uri
    assert any(row[1:2] == ["Model"] and row[3] == str(model) for row in shown.rows)
    assert "said no" not in shown.said


def test_a_run_that_a_gate_refused_runs_nothing_of_its_data(
    toys: ModuleType, project: Path, page: Callable[..., Page]
) -> None:
    (project / "rows.txt").write_text('bad <script>alert(1)</script> <img src="x" onerror="alert(2)">\n')
    shown = page(run_pipeline(toys.toy_pipeline(project)).run_id)
    assert "ToyValidator said no" in shown.said
    assert shown.row("ToyValidator")[1] == "refused"
    assert shown.row("failed")[1:3] == ["no_bad_rows", "0 rows that say `bad`"]
    assert '<script>alert(1)</script> <img src="x" onerror="alert(2)">' in shown.said  # as words
    assert not {"script", "img"} & shown.tags


def test_nothing_comes_from_elsewhere(toys: ModuleType, project: Path) -> None:
    run_id = run_pipeline(toys.toy_pipeline(project)).run_id
    with closing(Lineage(project / ".trainworks" / "metadata.sqlite")) as lineage:
        run = lineage.run(run_id)
        assert run is not None
        text = report(run, lineage.for_run(run_id))
    assert all(address.startswith("#") for address in Page(text).addresses)
    assert re.search(r"http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; ", text)
    assert "url(" not in text and "@import" not in text


def test_a_failure_and_the_try_that_followed(toys: ModuleType, project: Path, page: Callable[..., Page]) -> None:
    rows = project / "rows.txt"
    content = rows.read_text()
    rows.unlink()
    run_node(toys.toy_pipeline(project), "ToyGen", run_id="night")
    failed = page("night")
    assert "ToyGen failed" in failed.said and "`source` must be a file. Received:" in failed.said
    rows.write_text(content)
    run_node(toys.toy_pipeline(project), "ToyGen", run_id="night")
    again = page("night")
    assert "ToyGen failed" not in again.said and "It was tried again." in again.said
    assert [row[1] for row in again.rows if row[:1] == ["ToyGen"]] == ["failed", "executed"]


def test_outputs_that_are_gone_are_left_out(toys: ModuleType, project: Path, page: Callable[..., Page]) -> None:
    result = run_pipeline(toys.toy_pipeline(project))
    for path in (project / ".trainworks" / "artifacts").rglob("*.json"):
        path.unlink()
    shown = page(result.run_id)
    assert shown.row("ToyEvaluator")[1] == "executed"
    assert shown.addresses == ["#steps", "#lineage"]


@pytest.fixture
def real(tmp_path: Path) -> Project:
    return make_project(tmp_path / "real")


@pytest.mark.slow
def test_a_real_run_shows_metrics_confusions_slices_and_data(real: Project) -> None:
    assert real.run("--set", "evaluation.slices=[topic]").exit_code == 0
    told = real.trainworks("report", "latest", "--out", "run.html")
    assert (told.exit_code, told.stdout) == (0, "run.html\n")
    metrics: dict[str, Any] = real.trainworks("show", "latest", "--json").told
    accuracy = next(step for step in metrics["components"] if step["name"] == "Evaluator")["metrics"]["accuracy"]
    shown = Page((real.folder / "run.html").read_text(encoding="utf-8"))
    assert [shown.row(step)[1] for step in STEPS] == ["executed"] * 9
    assert shown.row("accuracy")[1] == f"{accuracy:.4f}"
    assert re.fullmatch(r"0\.\d{4} to \d\.\d{4}", shown.row("accuracy")[2])
    assert ["", "account", "billing", "delivery", "technical"] in shown.rows
    matrix, classes = (row for row in shown.rows if row[0] == "billing" and not row[1].endswith("%"))
    assert sum(int(count or 0) for count in matrix[1:]) == int(classes[1]) == int(shown.row("topic=billing")[1])
    assert "Labels in topic" in shown.said
    assert shown.row("train")[1:4] == ["text", "text", "0"]
