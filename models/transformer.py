"""Family `transformer`: self-attention from scratch, its encoder written out in `models/layers/`."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from pydantic import Field, model_validator

from models.analyzer import Analyzer
from models.given_weights import check_vocabulary, checkpoint_folder
from models.pretraining import Pretrainable
from models.text.family import WordFamily, WordHyperparameters
from schemas.config import Task

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from models.analyzer import Facts
    from models.text.masking import Pieces
    from models.text.word_encoder import EncoderSizes, WordEncoder

_OF_THE_ENCODER: Final = ("width", "layers", "heads", "hidden", "vocabulary_size", "min_count", "word_vectors")
"""Settings that given weights bring along."""


class TransformerHyperparameters(WordHyperparameters):
    """Settings of `transformer`."""

    weights: str = "none"
    """Where the encoder starts: what a pipeline with `task: pretraining` and this family trained or pushed, a folder
    relative to the pipeline file, which also says its words and its size; or `none`, at random."""

    width: int = Field(default=128, ge=2)
    """Width of a word's vector, through all blocks."""

    layers: int = Field(default=2, ge=1, le=48)
    """Encoder blocks, one after the other."""

    heads: int = Field(default=4, ge=1)
    """Ways in which a word looks at the others; `width` must be a multiple."""

    hidden: int | None = Field(default=None, ge=1)
    """Width of a block's inner layer; four times `width` unless given."""

    pooling: Literal["max", "mean", "max_mean"] = "max_mean"
    """How the words' vectors become one."""

    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share that training drops of the embeddings, of the attention, and of what each part of a block adds."""

    head_dropout: float = Field(default=0.5, ge=0, lt=1)
    """Share of the pooled vector that training drops."""

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"`width` must be a multiple of `heads` ({self.heads})")
        return self

    @model_validator(mode="after")
    def _of_use(self) -> Self:
        """No setting is passed over."""
        for name in _OF_THE_ENCODER:
            if self.weights != "none" and name in self.model_fields_set:
                raise ValueError(f"`{name}` is for `weights: none`; given weights have their own. Leave it out")
        return self


class Transformer(WordFamily, Pretrainable):
    """The encoder of Vaswani et al., "Attention Is All You Need" (arXiv:1706.03762), trained from scratch.

    Small data wants it small, and its words known beforehand: their vectors start from the corpus, as those of `lstm`.
    Or it starts from what it learned of texts without labels.
    """

    Config = TransformerHyperparameters
    config: TransformerHyperparameters

    @classmethod
    def recipe(cls, task: Task) -> Mapping[str, Any]:
        """Eight epochs of AdamW with warm-up, linear decay and averaged weights; of hidden words, thirty."""
        return {
            "epochs": 30 if task == "pretraining" else 8,
            "min_steps": 600,
            "batch_size": 64,
            "optimizer": "adamw",
            "learning_rate": 1e-3,
            "weight_decay": 0.01,
            "learning_rate_schedule": "linear",
            "warmup_steps": 0.1,
            "clip_norm": 1.0,
            "average_weights": 0.99,
        }

    @property
    def vector_size(self) -> int:
        return self._sizes().width

    def files(self) -> Sequence[Path]:
        """The folder of `weights`, where it is one."""
        path = self.base / self.config.weights
        return [checkpoint_folder(path)] if self.config.weights != "none" and path.is_dir() else []

    def files_of_facts(self) -> Sequence[Path]:
        return self.files()

    def given_facts(self) -> "Facts":
        """The words of the weights."""
        return {} if self.config.weights == "none" else {"vocabulary": list(self._given().vocabulary)}

    def analyzers(self) -> Sequence[Analyzer[Any]]:
        return super().analyzers() if self.config.weights == "none" else []

    def refine(self, facts: "Facts", inputs: "Iterable[Mapping[str, tf.Tensor]]") -> "Facts":
        return super().refine(facts, inputs) if self.config.weights == "none" else facts

    def pieces(self, facts: "Facts") -> "Pieces":
        """Words; one that is hidden is an unknown one."""
        from models.text.masking import Pieces
        from models.text.word_ids import FIRST_WORD, UNKNOWN

        return Pieces.of_words(facts["vocabulary"], first=FIRST_WORD, mask=UNKNOWN)

    def encoder(self, facts: "Facts") -> "keras.Model":
        import keras

        from models.text.word_ids import IDS

        ids = keras.Input((None,), dtype="int64", name=IDS)
        return keras.Model({IDS: ids}, self._backbone(facts)(ids), name="encoder")

    def save_checkpoint(self, backbone: "keras.Model", facts: "Facts", folder: Path) -> None:
        from models.text.word_encoder import save_word_encoder

        save_word_encoder(backbone, self._sizes(), facts["vocabulary"], folder)

    def network(self, facts: "Facts", outputs: int) -> "keras.Model":
        import keras

        from models.layers.masked_pooling import MaskedPooling
        from models.layers.word_dropout import WordDropout
        from models.text.word_ids import IDS, UNKNOWN

        config = self.config
        ids = keras.Input((None,), dtype="int64", name=IDS)
        words = WordDropout(config.word_dropout, unknown=UNKNOWN)(ids)
        x = self._backbone(facts)(words)
        x = MaskedPooling(config.pooling, bidirectional=False, name="pooled")(x, keras.ops.count_nonzero(ids, axis=1))
        x = keras.layers.Dropout(config.head_dropout)(x)
        logits = keras.layers.Dense(outputs, dtype="float32", name="logits")(x)
        return keras.Model({IDS: ids}, logits, name="transformer")

    def _backbone(self, facts: "Facts") -> "keras.Model":
        """From ids to a vector for each word, `(batch_size, length, width)`."""
        import keras

        from models.layers.encoder_block import EncoderBlock
        from models.layers.sinusoidal_positions import SinusoidalPositions
        from models.text.word_ids import FIRST_WORD
        from models.training.phases import BACKBONE

        sizes, dropout = self._sizes(), self.config.dropout
        ids = keras.Input((None,), dtype="int64")
        there = ids > 0

        embedding = keras.layers.ReversibleEmbedding(
            len(facts["vocabulary"]) + FIRST_WORD, sizes.width, name="embedding"
        )
        x = SinusoidalPositions(self.config.sequence_length, name="positions")(embedding(ids) * sizes.width**0.5)
        x = keras.layers.Dropout(dropout)(x)

        for index in range(sizes.layers):
            x = EncoderBlock(sizes.heads, sizes.hidden, dropout=dropout, name=f"block_{index}")(x, there)

        x = keras.layers.LayerNormalization(epsilon=1e-6, name="norm")(x)
        backbone = keras.Model(ids, x, name=BACKBONE)

        if self.config.weights != "none":
            self._give(backbone, facts)
        elif "word_vectors" in facts:
            embedding.set_weights([facts["word_vectors"]])
        return backbone

    def _give(self, backbone: "keras.Model", facts: "Facts") -> None:
        """Values of the weights, once they are those whose words the data was prepared with."""
        given = self._given()
        check_vocabulary(given.vocabulary, facts, self.config.weights)
        given.assign(backbone)

    def _sizes(self) -> "EncoderSizes":
        from models.text.word_encoder import EncoderSizes

        config = self.config
        if config.weights != "none":
            return self._given().sizes
        return EncoderSizes(config.width, config.layers, config.heads, config.hidden or 4 * config.width)

    def _given(self) -> "WordEncoder":
        from models.text.word_encoder import open_word_encoder

        return open_word_encoder(self.config.weights, self.base)
