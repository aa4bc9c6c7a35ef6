"""`trainworks predict`: one prediction an input, in the shell."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from pipeline.cli.inputs import check_files, rows_of
from pipeline.prediction import Prediction, Row, SavedModel

_SHOWN_INPUT = 48


@click.command(help="Ask a model for a prediction.")
@click.argument("model", metavar="MODEL_DIR", type=click.Path(path_type=Path))
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("--top", type=click.IntRange(min=1), default=3, show_default=True, help="How many classes to show.")
@click.option("--json", "as_json", is_flag=True, help="Print one object a prediction, with the scores of all classes.")
def command(model: Path, inputs: tuple[str, ...], top: int, as_json: bool) -> None:
    """An INPUT is a text, or the path of a picture's file; `-` is standard input and `@FILE` a file, one input a line.

    A model of several inputs takes `name=value ...` for an example (a repeated name begins the next), and lines that
    are JSON objects.
    """
    check_files(inputs)
    loaded = SavedModel(model)
    answers = _answers(loaded, rows_of(inputs, loaded.inputs))
    if as_json:
        for row, answer in answers:
            click.echo(json.dumps(_object(row, answer), ensure_ascii=False))
    else:
        for line in _table([_cells(row, answer, top) for row, answer in answers]):
            click.echo(line)


def _answers(model: SavedModel, rows: Iterable[Row]) -> Iterator[tuple[Row, Prediction]]:
    for batch in model.batches(rows):
        yield from zip(batch, model.predict(batch), strict=True)


def _object(row: Row, answer: Prediction) -> dict[str, object]:
    shown: object = next(iter(row.values())) if len(row) == 1 else dict(row)
    labels = {} if answer.labels is None else {"labels": answer.labels}
    scores = {"scores": dict(answer.scores)} if answer.scores else {}
    return {"input": shown, **labels, **answer.outputs, **scores}


def _cells(row: Row, answer: Prediction, top: int) -> dict[str, str]:
    """A line of the table, by column."""
    values = [" ".join(value.split()) for value in row.values()]
    shown = values[0] if len(row) == 1 else " ".join(f"{n}={v}" for n, v in zip(row, values, strict=True))
    cells = {"input": shown if len(shown) <= _SHOWN_INPUT else f"{shown[: _SHOWN_INPUT - 1]}…"}
    ranked = ", ".join(f"{name} {score:.4f}" for name, score in answer.scores[:top])
    if answer.labels is not None:
        return cells | {"labels": ", ".join(answer.labels) or "none", "top": ranked}
    if answer.scores:
        if isinstance(box := answer.outputs.get("box"), list):
            cells["box"] = " ".join(f"{side:.3f}" for side in box)
        cells |= {"label": str(answer.outputs.get("label", answer.scores[0][0])), "score": f"{answer.scores[0][1]:.4f}"}
        return cells | {"top": ranked}
    return cells | {name: f"{v:.6g}" if isinstance(v, float) else str(v) for name, v in answer.outputs.items()}


def _table(lines: Sequence[dict[str, str]]) -> Iterator[str]:
    """Aligned columns under their names."""
    names = list(lines[0]) if lines else []
    from rich.cells import cell_len  # Chinese characters are two columns wide

    widths = [max(len(name), *(cell_len(line[name]) for line in lines)) for name in names]
    for line in [{name: name.upper() for name in names}, *lines] if lines else []:
        cells = (line[name] + " " * (width - cell_len(line[name])) for name, width in zip(names, widths, strict=True))
        yield "  ".join(cells).rstrip()
