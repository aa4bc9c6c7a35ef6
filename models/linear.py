"""Family `linear`: n-grams, TF-IDF and one linear layer; the floor that every other model must beat."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from models.analyzer import Analyzer
from models.family import Family, Hyperparameters
from schemas.config import Task

if TYPE_CHECKING:
    import keras

    from models.analyzer import Facts
    from models.family import Preprocess


class LinearHyperparameters(Hyperparameters):
    """Settings of `linear`."""

    ngrams: tuple[int, int] = (1, 2)
    """Shortest and longest n-gram, in words."""

    vocabulary_size: int = Field(default=20_000, ge=1)
    """N-grams that are known: those in the most documents."""

    min_documents: int = Field(default=2, ge=1)
    """Documents that an n-gram must stand in to be known."""

    hash_buckets: int | None = Field(default=None, ge=2)
    """Hash n-grams into this many buckets instead of keeping a vocabulary."""

    @model_validator(mode="after")
    def _shortest_first(self) -> Self:
        if not 1 <= self.ngrams[0] <= self.ngrams[1] <= 5:
            raise ValueError("`ngrams` must be the shortest and the longest n-gram, between 1 and 5 words")
        return self


class Linear(Family):
    """Logistic regression (or linear regression) on TF-IDF weights of n-grams.

    Trained by gradient descent with momentum: documents are vectors of unit length, so one learning rate fits all data.
    """

    Config = LinearHyperparameters
    config: LinearHyperparameters

    # Finding n-grams takes longer than an epoch of training on them.
    materialize_spans = True

    @classmethod
    def recipe(cls, task: Task) -> Mapping[str, Any]:
        """Eight epochs at a rate near the largest that is stable for the task's loss, falling to zero."""
        return {
            "epochs": 8,
            "min_steps": 600,
            "batch_size": 64,
            "optimizer": "sgd",
            "momentum": 0.9,
            "learning_rate": 0.2 if task == "regression" else 4.0,
            "learning_rate_schedule": "linear",
        }

    def analyzers(self) -> Sequence[Analyzer[Any]]:
        from models.text.counts import HashedFrequencies, NgramFrequencies

        if self.config.hash_buckets:
            return [HashedFrequencies(self.features, buckets=self.config.hash_buckets, lengths=self.config.ngrams)]
        size, least = self.config.vocabulary_size, self.config.min_documents
        return [NgramFrequencies(self.features, size=size, min_count=least, lengths=self.config.ngrams)]

    def preprocess(self, facts: "Facts") -> "Preprocess":
        from models.text.tfidf import TfIdf

        return TfIdf(facts.get("ngrams"), facts["idf"], self.features, self.config.ngrams)

    def row_names(self, facts: "Facts") -> Mapping[str, Sequence[str]]:
        return {"logits/kernel": ["\n0", *facts["ngrams"]]} if "ngrams" in facts else {}

    def network(self, facts: "Facts", outputs: int) -> "keras.Model":
        import keras

        from models.layers.weighted_sum import WeightedSum
        from models.text.tfidf import IDS, WEIGHTS

        ids = keras.Input((None,), dtype="int64", name=IDS)
        weights = keras.Input((None,), dtype="float32", name=WEIGHTS)
        logits = WeightedSum(len(facts["idf"]) + 1, outputs, name="logits")(ids, weights)
        return keras.Model({IDS: ids, WEIGHTS: weights}, logits, name="linear")
