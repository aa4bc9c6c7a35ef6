"""`trainworks explain`: where a model's answers come from."""

import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from click.core import ParameterSource

from pipeline.cli.inputs import check_files, rows_of
from pipeline.cli.written_file import check_target, write_target
from pipeline.explanation import METHODS, Explanation, Method, explanations
from pipeline.explanation_page import page
from pipeline.prediction import Row, SavedModel
from pipeline.tables import is_terminal, printable, width_of
from schemas.errors import ConfigError

if TYPE_CHECKING:
    from rich.text import Text

_AT_ONCE: Final = 16
_SHADES: Final = " ░▒▓█"
_MAP_ROWS, _MAP_COLUMNS = 16, 32


@click.command(help="Show what in an input an answer comes from.")
@click.argument("model", metavar="MODEL_DIR", type=click.Path(path_type=Path))
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option(
    "--method",
    type=click.Choice(METHODS),
    default=METHODS[0],
    show_default=True,
    help="For texts: what words add to the answer, or shares of attention.",
)
@click.option("--steps", type=click.IntRange(1, 512), default=50, show_default=True, help="How exact, for gradients.")
@click.option("--top", type=click.IntRange(min=1), default=8, show_default=True, help="How many words to list.")
@click.option("--html", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Write a page, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one object an input.")
def command(
    model: Path,
    inputs: tuple[str, ...],
    *,
    method: Method,
    steps: int,
    top: int,
    html: Path | None,
    as_json: bool,
) -> None:
    """An INPUT is as for `trainworks predict`. Of texts, words are told that speak for the answer and against it
    (integrated gradients), or their shares in the vector that the answer is made of (attention rollout); of a picture,
    places (Grad-CAM)."""
    given = click.get_current_context().get_parameter_source("steps") is not ParameterSource.DEFAULT
    if given and method == "rollout":
        raise ConfigError("`--steps` must be left out with `--method rollout`, which takes none.")
    check_files(inputs)
    if html:
        check_target(html, "--html")
    loaded = SavedModel(model)
    found = []
    for explanation in _explained(loaded, rows_of(inputs, loaded.inputs), steps, method):
        if as_json:
            click.echo(json.dumps(_object(explanation), ensure_ascii=False))
        else:
            _show(explanation, top)
        if html:
            found.append(explanation)
    if html:
        write_target(page(found, top=top), html, "--html")


def _explained(model: SavedModel, rows: Iterator[Row], steps: int, method: Method) -> Iterator[Explanation]:
    for batch in model.batches(rows):
        remaining = iter(batch)
        while some := list(islice(remaining, _AT_ONCE)):
            yield from explanations(model, some, steps=steps, method=method)


def _object(explanation: Explanation) -> dict[str, object]:
    prediction = explanation.prediction
    shown: object = dict(explanation.row) if explanation.several else explanation.shown
    answer = {"input": shown, **prediction.outputs, "scores": dict(prediction.scores)}
    if explanation.heat_map:
        return {**answer, "heat_map": explanation.heat_map}
    number = "share" if explanation.shares else "attribution"
    words = [
        {
            **({"feature": word.feature} if explanation.several else {}),
            "word": word.text,
            "start": word.start,
            "end": word.end,
            number: word.attribution,
        }
        for word in explanation.words
    ]
    if explanation.shares:
        return {**answer, "elsewhere": explanation.elsewhere, "words": words}
    return {**answer, "explained": explanation.explained, "baseline": explanation.baseline, "words": words}


def _show(explanation: Explanation, top: int) -> None:
    """The answer, the texts with their words colored, and a line a word."""
    from rich.cells import cell_len, set_cell_size
    from rich.console import Console

    console = Console(
        file=sys.stdout, width=width_of(sys.stdout), highlight=False, soft_wrap=not is_terminal(sys.stdout)
    )
    console.print(explanation.headline, style="bold", markup=False)
    if explanation.heat_map:
        console.print(_shaded(explanation), markup=False)
        return
    for name in explanation.row:
        console.print(_colored(explanation, name))
    width = max(cell_len(printable(name)) for name in explanation.row) + 2
    for word in explanation.strongest(top):
        feature = set_cell_size(printable(word.feature), width) if explanation.several else ""
        console.print(f"  {explanation.number(word):>8}  {feature}{printable(word.text)}", markup=False)
    console.print(explanation.balance, style="dim", markup=False)
    console.print()


def _colored(explanation: Explanation, name: str) -> "Text":
    """A text, under its name where there are several."""
    from rich.text import Text

    text, colored, at = explanation.row[name], Text(), 0
    if explanation.several:
        colored.append(f"{printable(name)}: ", style="bold")
    for word in explanation.words_of(name):
        colored.append(printable(text[at : word.start]))
        strength = round(160 * explanation.strength(word))
        color = f"rgb(0,{strength},0)" if strength > 0 else f"rgb({-strength},0,0)"
        color = f"rgb(0,{strength // 2},{strength})" if explanation.shares else color
        style = f"white on {color}" if abs(strength) > 16 else ""
        colored.append(printable(text[word.start : word.end]), style=style)
        at = word.end
    colored.append(printable(text[at:]))
    return colored


def _shaded(explanation: Explanation) -> str:
    """The heat map in characters, each the hottest of its place."""
    heat = explanation.heat_map
    height, width = len(heat), len(heat[0])
    rows, columns = min(_MAP_ROWS, height), min(_MAP_COLUMNS, width)

    def hottest(row: int, column: int) -> float:
        across = range(column * width // columns, (column + 1) * width // columns)
        return max(heat[y][x] for y in range(row * height // rows, (row + 1) * height // rows) for x in across)

    lines = ([hottest(row, column) for column in range(columns)] for row in range(rows))
    return "\n".join("".join(_SHADES[min(int(h * len(_SHADES)), 4)] for h in line) for line in lines)
