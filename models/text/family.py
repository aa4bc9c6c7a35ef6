"""What families of word embeddings share: a vocabulary, ids of words, and where their vectors start."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from models.analyzer import Analyzer
from models.family import Family, Hyperparameters

if TYPE_CHECKING:
    import tensorflow as tf

    from models.analyzer import Facts
    from models.family import Preprocess


class WordHyperparameters(Hyperparameters):
    """Settings of every family of word embeddings."""

    vocabulary_size: int = Field(default=20_000, ge=1)
    """Words that are known: the most frequent ones."""

    min_count: int = Field(default=2, ge=1)
    """Occurrences in the training split that make a word known."""

    sequence_length: int = Field(default=256, ge=1)
    """Words of a text that are read; the rest is cut off."""

    word_vectors: Literal["cooccurrence", "random"] = "cooccurrence"
    """Where embeddings start: from the training texts' own co-occurrence counts, without their labels, or at random."""

    word_dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of words that training takes for unknown, which teaches the network to do without any single one."""


class WordFamily(Family):
    """A family whose network reads the ids of words (`models/text/word_ids.py`)."""

    config: WordHyperparameters

    @property
    @abstractmethod
    def vector_size(self) -> int:
        """Width of a word's vector."""

    def analyzers(self) -> Sequence[Analyzer[Any]]:
        from models.text.counts import Vocabulary

        return [Vocabulary(self.features, size=self.config.vocabulary_size, min_count=self.config.min_count)]

    def preprocess(self, facts: "Facts") -> "Preprocess":
        from models.text.word_ids import WordIds

        return WordIds(facts["vocabulary"], self.features, self.config.sequence_length)

    def row_names(self, facts: "Facts") -> Mapping[str, Sequence[str]]:
        from models.text.word_ids import FIRST_WORD

        return {"embedding/embeddings": [*(f"\n{place}" for place in range(FIRST_WORD)), *facts["vocabulary"]]}

    def refine(self, facts: "Facts", inputs: "Iterable[Mapping[str, tf.Tensor]]") -> "Facts":
        from models.text.word_vectors import with_word_vectors

        if self.config.word_vectors == "random":
            return facts
        return with_word_vectors(facts, inputs, self.vector_size)
