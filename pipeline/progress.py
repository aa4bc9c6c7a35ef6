"""What a person sees of a run: one line a finished step, and a bar for long work.

On a terminal the running step has a spinner and its bars, drawn by rich and gone when it ends. Elsewhere long work says
every ten seconds how far it has come. Nothing here writes to standard output.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TextIO

from components.component import Progress
from pipeline.tables import duration, is_terminal, printable, width_of, write_verdict
from schemas.verdict import Verdict

if TYPE_CHECKING:
    import rich.progress

_INTERVAL: Final = 10.0
"""Seconds between two lines about the same work, where there is no terminal."""

_COLORS: Final = {"executed": "32", "cached": "36", "failed": "31", "refused": "31", "skipped": "2"}


class Step:
    """A running step's part of the screen; without a terminal, a line now and then."""

    def __init__(self, terminal: "Terminal", name: str) -> None:
        self._terminal = terminal
        self._name = name

    @contextmanager
    def progress(self, description: str, total: int | None = None) -> Iterator[Progress]:
        """Work of `total` pieces, or of unknown length."""
        yield _Lines(self._terminal, f"{self._name}: {description}", total)


class Terminal:
    """Writes about one run to a stream, mostly standard error.

    Args:
        stream: where to write.
        names: names of the steps, for alignment.
    """

    def __init__(self, stream: TextIO, names: tuple[str, ...] = ()) -> None:
        self.stream = stream
        self.interactive = is_terminal(stream)
        self._width = max(map(len, names), default=0)
        self._live: rich.progress.Progress | None = None

    def line(self, text: str = "", *, color: str = "") -> None:
        """Writes whole lines. A terminal that went away is no reason to fail."""
        text = printable(text)
        if self._live is not None:
            self._live.console.print(text, soft_wrap=True)
            return
        self._write(f"\033[{color}m{text}\033[0m\n" if color and self.interactive else f"{text}\n")

    def warning(self, text: str) -> None:
        self.line(f"warning: {text}", color="33")

    def finished(self, name: str, status: str, seconds: float, reason: str) -> None:
        """The line about a step that has ended."""
        took = "" if status == "skipped" else duration(seconds)
        head = f"  {name:<{self._width}}  {status:<8}  {took:>11}"
        rest = reason.partition("\n")[0]
        room = width_of(self.stream) - len(head) - 3
        if len(rest) > room:
            rest = rest[: max(room - 1, 0)] + "…"
        self.line(f"{head}  {rest}".rstrip(), color=_COLORS[status])

    def verdict(self, gate: str, verdict: Verdict) -> None:
        self.line()
        write_verdict(self.stream, gate, verdict)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """While a step runs."""
        if not self.interactive:
            yield Step(self, name)
            return
        with self._bars() as bars:
            self._live = bars
            try:
                bars.add_task(f"  {name:<{self._width}}", total=None, shown="")
                yield _LiveStep(self, name, bars)
            finally:
                self._live = None

    def _bars(self) -> "rich.progress.Progress":
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        console = Console(
            file=self.stream,
            force_terminal=True,
            width=width_of(self.stream),
            markup=False,
            emoji=False,
            highlight=False,
        )
        return Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TaskProgressColumn(show_speed=False),
            TimeElapsedColumn(),
            TextColumn("{task.fields[shown]}", markup=False),
            console=console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def _write(self, text: str) -> None:
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):
            return


class _LiveStep(Step):
    def __init__(self, terminal: Terminal, name: str, bars: "rich.progress.Progress") -> None:
        super().__init__(terminal, name)
        self._bars = bars

    @contextmanager
    def progress(self, description: str, total: int | None = None) -> Iterator[Progress]:
        task = self._bars.add_task(f"    {printable(description)}", total=total, shown="")
        try:
            yield _Bar(self._bars, task)
        finally:
            self._bars.remove_task(task)


class _Bar:
    def __init__(self, bars: "rich.progress.Progress", task: "rich.progress.TaskID") -> None:
        self._bars, self._task = bars, task

    def advance(self, steps: int = 1, **shown: float) -> None:
        if shown:
            self._bars.update(self._task, advance=steps, shown=_numbers(shown))
        else:
            self._bars.advance(self._task, steps)


class _Lines:
    def __init__(self, terminal: Terminal, description: str, total: int | None) -> None:
        self._terminal, self._description, self._total = terminal, description, total
        self._done = 0
        self._next = time.monotonic() + _INTERVAL

    def advance(self, steps: int = 1, **shown: float) -> None:
        self._done += steps
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _INTERVAL
        of = f"/{self._total}" if self._total else ""
        self._terminal.line(f"    {self._description}: {self._done}{of} {_numbers(shown)}".rstrip())


def _numbers(shown: dict[str, float]) -> str:
    return "  ".join(
        f"{name} {value:,.0f}" if abs(value) >= 1000 else f"{name} {value:.4g}" for name, value in shown.items()
    )
