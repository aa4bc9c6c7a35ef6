"""Tables and lines for people: folded to the width of a terminal, one line a row elsewhere (for grep, and for logs)."""

import os
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, TextIO

from schemas.verdict import Verdict

_UNBOUNDED: Final = 10_000
_NARROWEST: Final = 20


def is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def width_of(stream: TextIO) -> int:
    """Columns of the terminal that a stream writes to; practically without bound for what is no terminal."""
    if os.environ.get("COLUMNS", "").isdecimal():
        return max(int(os.environ["COLUMNS"]), _NARROWEST)
    if not is_terminal(stream):
        return _UNBOUNDED
    try:
        return max(os.get_terminal_size(stream.fileno()).columns, _NARROWEST)
    except OSError:
        return 80


def printable(text: str) -> str:
    """The text with control characters spelled out: what data holds must not steer a terminal."""
    return "".join(
        c if c == "\n" or unicodedata.category(c) != "Cc" else c.encode("unicode_escape").decode() for c in text
    )


def duration(seconds: float) -> str:
    """`0.3 s`, `42 s`, `3 min 05 s`, `2 h 07 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def data_size(count: int) -> str:
    """Bytes as `512 B`, `4.2 kB`, `1.3 GB`."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def short(path: Path) -> str:
    """The path as a person would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def write_table(stream: TextIO, columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "") -> None:
    """Writes a table. A column whose name starts with `>` is aligned to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(
            column.removeprefix(">"), justify="right" if column.startswith(">") else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*(printable(cell) for cell in row))
    console = Console(
        file=stream,
        width=width_of(stream),
        force_terminal=is_terminal(stream),
        markup=False,
        emoji=False,
        highlight=False,
    )
    with console.capture() as capture:
        console.print(table)
    stream.write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))
    stream.flush()


def write_verdict(stream: TextIO, gate: str, verdict: Verdict) -> None:
    """Writes a gate's table of rules, what failed first."""
    order = {"failed": 0, "skipped": 1, "passed": 2}
    write_table(
        stream,
        ("rule", "expected", "found", "verdict"),
        [
            (rule.rule, rule.expected, "\n".join((rule.found, *rule.rows)), _word(rule.verdict, rule.severity))
            for rule in sorted(verdict.rules, key=lambda r: (order[r.verdict], r.severity))
        ],
        title=f"{gate}: {'refused' if verdict.refused else 'passed'}",
    )
    for note in verdict.notes:
        stream.write(f"note: {printable(note)}\n")
    stream.flush()


def _word(verdict: str, severity: str) -> str:
    return "warning" if verdict == "failed" and severity == "warning" else verdict
