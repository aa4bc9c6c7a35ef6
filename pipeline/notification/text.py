"""News as text: a subject, and lines that say what, why, by which numbers, and what to do."""

from typing import Final

from pipeline.notification.news import News
from pipeline.tables import printable

_METRICS: Final = 6
_LONGEST: Final = 500
"""Characters of a line; data may stand in one."""

_WHAT_TO_DO: Final = {
    "succeeded": "",
    "refused": "Nothing was pushed: what is served stays. Mend the data, the pipeline or the rule.",
    "failed": "Nothing half-written was left. The next run carries on from the step that failed.",
}


def subject(news: News) -> str:
    gates = sorted({gate for gate, _ in news.rules})
    by = f" by {', '.join(gates)}" if news.event == "refused" and gates else ""
    pushed = f", version {news.pushed[0]} pushed" if news.pushed else ""
    return _line(f"{news.pipeline}: {news.event}{by}{pushed}")


def lines(news: News) -> list[str]:
    """The lines below the subject."""
    said = [f"run {news.run_id}" if news.run_id else "no run"]
    if news.reason:
        said.append(f"started by {news.reason}")
    for gate, rule in news.rules:
        said.append(f"{gate}: {rule.rule}: expected {rule.expected}, found {rule.found}")
        said += [f"    {row}" for row in rule.rows]
    if news.detail and not news.rules:
        said += news.detail.splitlines()
    if news.metrics:
        said.append("  ".join(f"{name} {value:.4f}" for name, value in list(news.metrics.items())[:_METRICS]))
    if news.pushed:
        said.append(f"pushed {news.pushed[1]}")
    said += [_WHAT_TO_DO[news.event], f"More: {news.show}" if news.show else ""]
    return [_line(line) for line in said if line]


def _line(text: str) -> str:
    shown = printable(text.replace("\n", " "))
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
