"""Pretraining: a family whose encoder learns from texts without labels, which other pipelines then start from."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.analyzer import Analyzer
from models.family import Family
from schemas.errors import ConfigError

if TYPE_CHECKING:
    import keras
    import numpy as np
    import tensorflow as tf

    from models.analyzer import Facts
    from models.family import Preprocess
    from models.text.masking import Pieces
    from models.training.dataset import Augment

HEAD: Final = "masked_words"
"""Name of the layer between an encoder and the logits of hidden pieces."""

COUNTS: Final = "piece_counts"
"""The fact of how often each id occurs in the training split."""


class Pretrainable(Family, ABC):
    """A family with an encoder that can be pretrained."""

    @abstractmethod
    def pieces(self, facts: "Facts") -> "Pieces":
        """What the ids of its preprocessing stand for."""

    @abstractmethod
    def encoder(self, facts: "Facts") -> "keras.Model":
        """The network from inputs by name to vectors, `(batch_size, length, width)`, one for each id.

        Its layer `backbone` is what a checkpoint holds; an embedding in there (see `models.export.embedded`) makes
        vectors of ids, and is asked which piece a vector stands for.
        """

    @abstractmethod
    def save_checkpoint(self, backbone: "keras.Model", facts: "Facts", folder: Path) -> None:
        """Writes a folder that `model.weights` of this family reads."""


class PretrainedFamily(Family):
    """Such a family on the way to its checkpoint: the same texts, analyzed and preprocessed alike, another end.

    Its network gives the logits of hidden pieces, `(batch_size, hidden, pieces)`. What is exported hides words by
    itself and says how well it tells them (`schemas.hidden_words.SCORES`), and then the mean of a text's vectors,
    which is its layer `pooled`.

    Args:
        family: the one that is pretrained.
    """

    def __init__(self, family: Pretrainable) -> None:
        super().__init__(family.config, family.features)
        self.family, self.base = family, family.base

    @property
    def length_multiple(self) -> int:
        return self.family.length_multiple

    def analyzers(self) -> Sequence[Analyzer[Any]]:
        return self.family.analyzers()

    def preprocess(self, facts: "Facts") -> "Preprocess":
        return self.family.preprocess(facts)

    def refine(self, facts: "Facts", inputs: "Iterable[Mapping[str, tf.Tensor]]") -> "Facts":
        """What the family learns, and how often each id occurs."""
        return {**self.family.refine(facts, inputs), COUNTS: _counts(inputs, len(self.family.pieces(facts).kinds))}

    def masking(self, facts: "Facts") -> "tuple[Augment, Augment]":
        """What batches go through in training, and where they watch it."""
        from models.text.masking import Masking

        masking = Masking(self.family.pieces(facts))
        return masking.of_training, masking.of_evaluation

    def network(self, facts: "Facts", outputs: int) -> "keras.Model":
        import keras

        from models.text.masking import POSITIONS

        encoder = self.family.encoder(facts)
        positions = keras.Input((None,), dtype="int64", name=POSITIONS)
        head = _head(encoder, outputs)
        logits = head(encoder.output, positions)
        bias = next(weight for weight in head.weights if weight.name == "output_bias")
        bias.assign(_log_shares(facts, self.family.pieces(facts)))  # to begin with what is known without any context
        return keras.Model({**encoder.input, POSITIONS: positions}, logits, name="pretraining")

    def exported(self, network: "keras.Model", facts: "Facts", outputs: int) -> "keras.Model":
        import keras

        from models.export.parts import POOLED
        from models.layers.hidden_words import HideWords, WordScores
        from models.layers.masked_pooling import MaskedPooling
        from models.text.masking import POSITIONS
        from models.text.word_ids import IDS

        inputs = {name: tensor for name, tensor in network.input.items() if name != POSITIONS}
        pieces = self.family.pieces(facts)
        encoder = keras.Model(inputs, network.get_layer(HEAD).input[0])
        ids = inputs[IDS]
        lengths = keras.ops.count_nonzero(ids, axis=1)
        pooled = MaskedPooling("mean", bidirectional=False, name=POOLED)(encoder.output, lengths)
        hidden, positions, labels = HideWords(pieces, name="hide_words")(ids)
        logits = network({**inputs, IDS: hidden, POSITIONS: positions})
        told = WordScores(_log_shares(facts, pieces), name="scores")(logits, labels)
        return keras.Model(inputs, keras.layers.Concatenate(name="told")([told, pooled]), name="pretrained")

    def embedder(self, exported: "keras.Model") -> "keras.Model":
        """The part of what is exported that makes a vector of a text."""
        import keras

        from models.export.parts import POOLED

        return keras.Model(exported.input, exported.get_layer(POOLED).output, name="pretrained")

    def save_checkpoint(self, network: "keras.Model", facts: "Facts", folder: Path) -> None:
        """Writes what `model.weights` of the family reads.

        Args:
            network: what `network` made, trained.
            facts: as `network` had them.
            folder: is made.
        """
        from models.training.phases import BACKBONE

        folder.mkdir(parents=True, exist_ok=True)
        self.family.save_checkpoint(network.get_layer(BACKBONE), facts, folder)


def _head(encoder: "keras.Model", pieces: int) -> "keras.Layer":
    """From vectors and positions to logits, by the encoder's own vectors of the pieces (arXiv:1608.05859)."""
    import keras_hub

    from models.export.embedded import embedding

    vectors = embedding(encoder)
    if vectors is not None and vectors.input_dim != pieces:
        raise ConfigError(
            "`model.weights` of an encoder that learns on must have a vector for each piece of its vocabulary, and no"
            f" more. Received: {vectors.input_dim} vectors for {pieces} pieces"
        )
    return keras_hub.layers.MaskedLMHead(
        vocabulary_size=pieces, token_embedding=vectors, intermediate_activation="gelu", name=HEAD
    )


def _counts(inputs: "Iterable[Mapping[str, tf.Tensor]]", pieces: int) -> "np.ndarray":
    """How often each id occurs, int64 `(pieces,)`."""
    import numpy as np

    from models.text.word_ids import IDS

    total = np.zeros(pieces, np.int64)
    for batch in inputs:
        total += np.bincount(np.asarray(batch[IDS]).reshape(-1), minlength=pieces)
    return total


def _log_shares(facts: "Facts", pieces: "Pieces") -> "np.ndarray":
    """The logarithm of each piece's share of all that may be hidden, float32; each as if it had been seen once more.

    What is never hidden is as unlikely as what was never seen.
    """
    import numpy as np

    from models.text.masking import SPECIAL

    counts = np.where(pieces.kinds == SPECIAL, 0, facts[COUNTS]) + 1.0
    return np.log(counts / counts.sum()).astype(np.float32)
