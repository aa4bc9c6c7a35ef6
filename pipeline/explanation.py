"""Where the answers of a model come from: words of a text, places of a picture."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pipeline.prediction import Prediction, Row, SavedModel
from schemas.errors import ConfigError

SIGNATURE: Final = "explain"
_CONTINUES: Final = "##"
"""Word pieces within a word begin so."""


@dataclass(frozen=True)
class Word:
    """A word of the text and what it adds to the answer; `start` and `end` are places in the text."""

    text: str
    start: int
    end: int
    attribution: float


@dataclass(frozen=True)
class Explanation:
    """An answer and where it comes from.

    Attributes:
        shown: the text, or the path of the picture.
        prediction: the answer.
        words: of a text, in their order.
        explained: of a text, the number (the logit of the answer's class) that the words' parts lead to.
        baseline: what it is for a text that says nothing.
        heat_map: of a picture, rows of numbers from 0 to 1.
    """

    shown: str
    prediction: Prediction
    words: tuple[Word, ...] = ()
    explained: float = 0.0
    baseline: float = 0.0
    heat_map: tuple[tuple[float, ...], ...] = ()

    def strongest(self, count: int) -> list[Word]:
        """The words that add or take the most, those that occur more than once added up."""
        total: dict[str, float] = {}
        for word in self.words:
            total[word.text] = total.get(word.text, 0.0) + word.attribution
        ranked = sorted(total.items(), key=lambda item: -abs(item[1]))
        return [Word(text, -1, -1, attribution) for text, attribution in ranked[:count]]


def explanations(model: SavedModel, rows: Sequence[Row], *, steps: int) -> Iterator[Explanation]:
    """Explains the answers to some rows of one input each.

    Args:
        model: with a signature `explain`.
        rows: as for `SavedModel.predict`.
        steps: of the integrated gradients of a text; more are more exact.

    Raises:
        ConfigError: the model has no such signature, or takes several inputs.
        TrainworksError: the model fails on a row.
    """
    if len(model.inputs) != 1:
        raise ConfigError(f"Only answers to one input are explained. Received: a model of {', '.join(model.inputs)}")
    more = {} if model.takes_pictures else {"steps": steps}
    for row, outputs in zip(rows, model.ask(SIGNATURE, rows, **more), strict=True):
        yield _explanation(next(iter(row.values())), model, outputs)


def _explanation(shown: str, model: SavedModel, outputs: dict[str, Any]) -> Explanation:
    if "heat_map" in outputs:
        heat = tuple(map(tuple, outputs.pop("heat_map")))
        return Explanation(shown, model.prediction(outputs), heat_map=heat)
    of_tokens = {name: outputs.pop(name) for name in ("tokens", "starts", "ends", "attributions")}
    explained, baseline = outputs.pop("explained"), outputs.pop("baseline")
    return Explanation(shown, model.prediction(outputs), tuple(_words(shown, of_tokens)), explained, baseline)


def _words(text: str, of_tokens: Mapping[str, Sequence[Any]]) -> Iterator[Word]:
    """Tokens that stand in the text, pieces put together."""
    word: Word | None = None
    for token, start, end, attribution in zip(*of_tokens.values(), strict=True):
        if start == end:
            continue
        if word and start == word.end and token.startswith(_CONTINUES):
            word = Word(text[word.start : end], word.start, end, word.attribution + attribution)
            continue
        if word:
            yield word
        word = Word(text[start:end], start, end, attribution)
    if word:
        yield word
