"""Where the answers of a model come from: words of texts, places of a picture."""

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

_NOTHING: Final = 0.0005
"""Less than that is no difference to be seen in three digits."""


@dataclass(frozen=True)
class Word:
    """A word and what it adds to the answer, or its share; `start` and `end` are places in the text of `feature`."""

    text: str
    start: int
    end: int
    attribution: float
    feature: str


@dataclass(frozen=True)
class Explanation:
    """An answer and where it comes from.

    Attributes:
        row: what was asked about: texts by the names of their features, or the path of the picture.
        prediction: the answer.
        words: of the texts, in the order in which the model reads them.
        explained: of texts, the network's number for the answer: the logit of its class, or the prediction before it
            is scaled.
        baseline: what it is for texts that say nothing.
        elsewhere: what tokens add that stand for no word, such as `[CLS]`.
        heat_map: of a picture, rows of numbers from 0 to 1.
        shares: whether words, and what is none, have shares in the vector that the answer is made of, which sum to 1,
            instead of adding to a number.
    """

    row: Row
    prediction: Prediction
    words: tuple[Word, ...] = ()
    explained: float = 0.0
    baseline: float = 0.0
    elsewhere: float = 0.0
    heat_map: tuple[tuple[float, ...], ...] = ()
    shares: bool = False

    @property
    def shown(self) -> str:
        """The text, or the path of the picture, where there is but one."""
        return next(iter(self.row.values()))

    @property
    def several(self) -> bool:
        """Whether it is about several texts, so that a word's feature must be told."""
        return len(self.row) > 1

    def words_of(self, feature: str) -> tuple[Word, ...]:
        """Those that stand in the text of that name."""
        return tuple(word for word in self.words if word.feature == feature)

    @property
    def headline(self) -> str:
        """The answer in a few words."""
        outputs, scores = self.prediction.outputs, self.prediction.scores
        if scores:
            return f"{outputs.get('label', scores[0][0])} {scores[0][1]:.4f}"
        return ", ".join(f"{name} {value:.6g}" for name, value in outputs.items() if isinstance(value, float))

    @property
    def balance(self) -> str:
        """How far the parts lead, and what a sum that stands for an integral misses."""
        words = sum(word.attribution for word in self.words)
        if self.shares:
            return (
                f"Words have {words:.1%} of the vector that the answer is made of, and what is no word"
                f" {self.elsewhere:.1%}. Shares say where attention goes, not what speaks for the answer."
            )
        missing = self.explained - self.baseline - words - self.elsewhere
        nothing = "texts that say" if self.several else "a text that says"
        told = (
            f"From {self.baseline:+.3f} for {nothing} nothing, words add {words:+.3f} and what is no word"
            f" {self.elsewhere:+.3f}, to {self.explained:+.3f}, the network's number for the answer"
        )
        if abs(missing) < _NOTHING:
            return f"{told}."
        return f"{told}; {missing:+.3f} is not accounted for, and more `--steps` make it less."

    def number(self, word: Word) -> str:
        """What a word adds, or its share in percent."""
        return f"{word.attribution:.1%}" if self.shares else f"{word.attribution:+.3f}"

    def strength(self, word: Word) -> float:
        """What a word adds or takes as a share of the most that one does, from -1 to 1."""
        most = max(abs(other.attribution) for other in self.words)
        return word.attribution / most if most else 0.0

    def strongest(self, count: int) -> list[Word]:
        """The words that add or take the most, those that occur more than once in a text added up."""
        total: dict[tuple[str, str], float] = {}
        for word in self.words:
            key = word.feature, word.text
            total[key] = total.get(key, 0.0) + word.attribution
        ranked = sorted(total.items(), key=lambda item: -abs(item[1]))
        return [Word(text, -1, -1, attribution, feature) for (feature, text), attribution in ranked[:count]]


def explanations(
    model: SavedModel, rows: Sequence[Row], *, steps: int, method: Method = "integrated-gradients"
) -> Iterator[Explanation]:
    """Explains the answers to some rows.

    Args:
        model: with a signature `explain`, or `rollout` for that method.
        rows: as for `SavedModel.predict`.
        steps: of the integrated gradients of texts; more are more exact.
        method: for texts.

    Raises:
        ConfigError: the model has no such signature.
        TrainworksError: the model fails on a row.
    """
    if method == _ROLLOUT and _ROLLOUT not in model.signatures:
        raise ConfigError(
            f"`--method rollout` is for models with a signature `{_ROLLOUT}`: those that read texts by attention,"
            " such as families `transformer` and `bert`. Received:"
            f" {model.folder}, which has {', '.join(model.signatures)}."
            " Leave `--method` out, or export the model anew if it is an older one of these."
        )
    if SIGNATURE not in model.signatures:
        raise ConfigError(
            f"`trainworks explain` is for models with a signature `{SIGNATURE}`, which answer about texts (families"
            " `linear`, `lstm`, `transformer`, `bert`) or pictures (`resnet`, `vgg`). Received:"
            f" {model.folder}, which has {', '.join(model.signatures)}. Export the model anew if it is an older one of"
            " these."
        )
    signature = _ROLLOUT if method == _ROLLOUT else SIGNATURE
    more = {} if model.takes_pictures or method == _ROLLOUT else {"steps": steps}
    for row, outputs in zip(rows, model.ask(signature, rows, **more), strict=True):
        yield _explanation(row, model, outputs)


def _explanation(row: Row, model: SavedModel, outputs: dict[str, Any]) -> Explanation:
    if "heat_map" in outputs:
        heat = tuple(map(tuple, outputs.pop("heat_map")))
        return Explanation(row, model.prediction(outputs), heat_map=heat)
    of_tokens = {name: outputs.pop(name) for name in ("tokens", "starts", "ends", "attributions")}
    features = outputs.pop("features", [next(iter(row))] * len(of_tokens["tokens"]))
    words = tuple(_words(row, {**of_tokens, "features": features}))
    elsewhere = sum(of_tokens["attributions"]) - sum(word.attribution for word in words)
    if "explained" not in outputs:
        return Explanation(row, model.prediction(outputs), words, elsewhere=max(elsewhere, 0.0), shares=True)
    explained, baseline = outputs.pop("explained"), outputs.pop("baseline")
    return Explanation(row, model.prediction(outputs), words, explained, baseline, elsewhere)


def _words(row: Row, of_tokens: Mapping[str, Sequence[Any]]) -> Iterator[Word]:
    """Tokens that stand in the texts, pieces put together."""
    word: Word | None = None
    for token, start, end, attribution, feature in zip(*of_tokens.values(), strict=True):
        if start == end:
            continue
        text = row[feature]
        if word and start == word.end and token.startswith(_CONTINUES):
            word = Word(text[word.start : end], word.start, end, word.attribution + attribution, feature)
            continue
        if word:
            yield word
        word = Word(text[start:end], start, end, attribution, feature)
    if word:
        yield word
