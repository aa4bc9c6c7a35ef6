"""`trainworks report`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any


def test_it_writes_a_file_and_says_which(project: Path, ran: Any, invoke: Callable[..., Any]) -> None:
    result = invoke("report", "latest")
    assert (result.exit_code, result.stdout) == (0, f"report-{ran.run_id}.html\n")
    text = (project / f"report-{ran.run_id}.html").read_text(encoding="utf-8")
    assert f"<code>{ran.run_id}</code>" in text and f"<code>{ran.log}</code>" in text
    assert invoke("report", ran.run_id, "--out", "page.html").stdout == "page.html\n"
    assert (project / "page.html").read_text(encoding="utf-8") == text


def test_a_run_that_is_not_there_and_a_folder_that_is_not(project: Path, ran: Any, invoke: Callable[..., Any]) -> None:
    unknown = invoke("report", "1999")
    assert unknown.exit_code == 2
    assert "`trainworks runs` lists them. Received: 1999" in unknown.stderr
    nowhere = invoke("report", "latest", "--out", "none/page.html")
    assert nowhere.exit_code == 2
    assert "`--out` must be a file in a folder that is there. Received: none/page.html" in nowhere.stderr
