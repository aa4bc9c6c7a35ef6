"""Where the answers of a model come from: words of a text, places of a picture."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from pipeline.prediction import Prediction, Row, SavedModel
from schemas.errors import ConfigError

Method = Literal["integrated-gradients", "rollout"]
"""How a text is explained: what each word adds to the answer, or what share of attention it has."""

METHODS: Final = get_args(Method)

SIGNATURE: Final = "explain"
_ROLLOUT: Final = "rollout"
_CONTINUES: Final = "##"
"""Word pieces within a word begin so."""


@dataclass(frozen=True)
class Word:
    """A word of the text and what it adds to the answer, or its share; `start` and `end` are places in the text."""

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
        explained: of a text, the network's number for the answer: the logit of its class, or the prediction before it
            is scaled.
        baseline: what it is for a text that says nothing.
        elsewhere: what tokens add that stand for no word, such as `[CLS]`.
        heat_map: of a picture, rows of numbers from 0 to 1.
        shares: whether words, and what is none, have shares in the vector that the answer is made of, which sum to 1,
            instead of adding to a number.
    """

    shown: str
    prediction: Prediction
    words: tuple[Word, ...] = ()
    explained: float = 0.0
    baseline: float = 0.0
    elsewhere: float = 0.0
    heat_map: tuple[tuple[float, ...], ...] = ()
    shares: bool = False

    @property
    def headline(self) -> str:
        """The answer in a few words."""
        outputs, scores = self.prediction.outputs, self.prediction.scores
        if scores:
            return f"{outputs.get('label', scores[0][0])} {scores[0][1]:.4f}"
        return ", ".join(f"{name} {value:.6g}" for name, value in outputs.items() if isinstance(value, float))

    @property
    def balance(self) -> str:
        """How far the parts lead, and what the sum that stands for an integral misses."""
        words = sum(word.attribution for word in self.words)
        if self.shares:
            return (
                f"Words have {words:.1%} of the vector that the answer is made of, and what is no word"
                f" {self.elsewhere:.1%}. Shares say where attention goes, not what speaks for the answer."
            )
        missing = self.explained - self.baseline - words - self.elsewhere
        return (
            f"From {self.baseline:+.3f} for a text that says nothing, words add {words:+.3f} and what is no word"
            f" {self.elsewhere:+.3f}, to {self.explained:+.3f}, the network's number for the answer;"
            f" {missing:+.3f} is not accounted for, and more `--steps` make it less."
        )

    def number(self, word: Word) -> str:
        """What a word adds, or its share in percent."""
        return f"{word.attribution:.1%}" if self.shares else f"{word.attribution:+.3f}"

    def strength(self, word: Word) -> float:
        """What a word adds or takes as a share of the most that one does, from -1 to 1."""
        most = max(abs(other.attribution) for other in self.words)
        return word.attribution / most if most else 0.0

    def strongest(self, count: int) -> list[Word]:
        """The words that add or take the most, those that occur more than once added up."""
        total: dict[str, float] = {}
        for word in self.words:
            total[word.text] = total.get(word.text, 0.0) + word.attribution
        ranked = sorted(total.items(), key=lambda item: -abs(item[1]))
        return [Word(text, -1, -1, attribution) for text, attribution in ranked[:count]]


def explanations(
    model: SavedModel, rows: Sequence[Row], *, steps: int, method: Method = "integrated-gradients"
) -> Iterator[Explanation]:
    """Explains the answers to some rows of one input each.

    Args:
        model: with a signature `explain`, or `rollout` for that method.
        rows: as for `SavedModel.predict`.
        steps: of the integrated gradients of a text; more are more exact.
        method: for texts.

    Raises:
        ConfigError: the model has no such signature, or takes several inputs.
        TrainworksError: the model fails on a row.
    """
    if len(model.inputs) != 1:
        raise ConfigError(f"Only answers to one input are explained. Received: a model of {', '.join(model.inputs)}")
    if method == _ROLLOUT and _ROLLOUT not in model.signatures:
        raise ConfigError(
            f"`--method rollout` is for models with a signature `{_ROLLOUT}`: those that read one text by attention,"
            " such as families `transformer` and `bert`. Received:"
            f" {model.folder}, which has {', '.join(model.signatures)}."
            " Leave `--method` out, or export the model anew if it is an older one of these."
        )
    signature = _ROLLOUT if method == _ROLLOUT else SIGNATURE
    more = {} if model.takes_pictures or method == _ROLLOUT else {"steps": steps}
    for row, outputs in zip(rows, model.ask(signature, rows, **more), strict=True):
        yield _explanation(next(iter(row.values())), model, outputs)


def _explanation(shown: str, model: SavedModel, outputs: dict[str, Any]) -> Explanation:
    if "heat_map" in outputs:
        heat = tuple(map(tuple, outputs.pop("heat_map")))
        return Explanation(shown, model.prediction(outputs), heat_map=heat)
    of_tokens = {name: outputs.pop(name) for name in ("tokens", "starts", "ends", "attributions")}
    words = tuple(_words(shown, of_tokens))
    elsewhere = sum(of_tokens["attributions"]) - sum(word.attribution for word in words)
    if "explained" not in outputs:
        return Explanation(shown, model.prediction(outputs), words, elsewhere=max(elsewhere, 0.0), shares=True)
    explained, baseline = outputs.pop("explained"), outputs.pop("baseline")
    return Explanation(shown, model.prediction(outputs), words, explained, baseline, elsewhere)


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
