"""Family `bert`: a pretrained Transformer, fine-tuned."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from models.analyzer import Analyzer
from models.family import Hyperparameters
from models.given_weights import Freeze, check_vocabulary, checkpoint_folder
from models.pretraining import Pretrainable
from schemas.config import Task

if TYPE_CHECKING:
    import keras

    from models.analyzer import Facts
    from models.family import Preprocess
    from models.text.checkpoints import Checkpoint
    from models.text.masking import Pieces


class Size(NamedTuple):
    """Layers and width of an encoder; it has a head for every 64 channels, and inner layers four times as wide."""

    layers: int
    width: int


SIZES: Final[Mapping[str, Size]] = {
    "tiny": Size(2, 128),
    "mini": Size(4, 256),
    "small": Size(4, 512),
    "base": Size(12, 768),
}
"""Names of Turc et al., "Well-Read Students Learn Better" (arXiv:1908.08962)."""


_LENGTHS: Final = 8
"""Lengths of batches are multiples of this."""


class LoraHyperparameters(Hyperparameters):
    """Small matrices that learn beside the weights of the attention (LoRA, arXiv:2106.09685)."""

    rank: int = Field(default=8, ge=1)
    """Rows and columns that a matrix has beside those of the kernel."""

    alpha: float | None = Field(default=None, gt=0)
    """What they add is scaled by `alpha / rank`; unless given, it is not scaled."""


class BertHyperparameters(Hyperparameters):
    """Settings of `bert`."""

    weights: str = "none"
    """Where the encoder starts: a preset of KerasHub; a folder, relative to the pipeline file, of Hugging Face's kind
    (config.json, vocab.txt or tokenizer.json, model.safetensors), a KerasHub preset's, or one that a pipeline with
    `task: pretraining` pushed; or `none`, at random."""

    size: Literal["tiny", "mini", "small", "base"] = "mini"
    """With `weights: none`: 2 layers of 128 channels, 4 of 256, 4 of 512, or 12 of 768."""

    vocabulary_size: int = Field(default=8_000, ge=100)
    """With `weights: none`: most word pieces that are learned from the training split, its most frequent characters
    among them; what they cannot spell is unknown."""

    vocabulary: str | None = None
    """With `weights: none`: a file of word pieces, one a line in the order of their ids, for lower-cased texts, instead
    of those that would be learned; relative to the pipeline file."""

    sequence_length: int = Field(default=192, ge=8)
    """Word pieces of a text, or of a pair of texts, that are read; the rest is cut off."""

    pooling: Literal["mean", "first", "max"] = "mean"
    """How the vectors of the pieces become one: their mean, the one of `[CLS]`, or their maximum."""

    freeze: Freeze = "none"
    """What of given weights stays as it is: nothing, all of the encoder, or all but its last so many layers."""

    lora: LoraHyperparameters | None = None
    """Leaves given weights as they are and trains small matrices beside them, which become part of the exported
    weights."""

    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of the pooled vector that training drops."""

    @model_validator(mode="after")
    def _of_use(self) -> Self:
        """No setting is passed over."""
        for name, used in (("freeze", self.freeze != "none"), ("lora", self.lora is not None)):
            if self.weights == "none" and used:
                raise ValueError(f"`{name}` is for given weights; name some as `weights`, or leave it out")
        if self.lora and self.freeze != "none":
            raise ValueError("`lora` leaves all given weights as they are; leave `freeze` out")
        for name in ("size", "vocabulary_size", "vocabulary"):
            if self.weights != "none" and name in self.model_fields_set:
                raise ValueError(f"`{name}` is for `weights: none`; given weights have their own. Leave it out")
        if self.vocabulary is not None and "vocabulary_size" in self.model_fields_set:
            raise ValueError("`vocabulary_size` is for pieces that are learned; with `vocabulary` leave it out")
        return self


class Bert(Pretrainable):
    """BERT (Devlin et al., arXiv:1810.04805) and encoders of its kind, from KerasHub.

    One feature is read as one text; of several, the first and the others together are a pair, as for questions and
    answers.
    """

    Config = BertHyperparameters
    config: BertHyperparameters

    @classmethod
    def recipe(cls, task: Task) -> Mapping[str, Any]:
        """Twelve epochs of AdamW from random weights; of hidden words, thirty, for they tell little each."""
        return {
            "epochs": 30 if task == "pretraining" else 12,
            "min_steps": 1000,
            "batch_size": 64,
            "optimizer": "adamw",
            "learning_rate": 5e-4,
            "weight_decay": 0.01,
            "learning_rate_schedule": "linear",
            "warmup_steps": 0.1,
            "clip_norm": 1.0,
        }

    @classmethod
    def recipe_for(cls, task: Task, hyperparameters: Mapping[str, Any], base: Path = Path()) -> Mapping[str, Any]:
        """With weights, the few epochs at a low rate that fine-tuning wants (Mosbach et al., arXiv:2006.04884).

        The rate is 1e-4 at the width of BERT-base, 768, and for others inversely proportional to the width, as Adam
        wants it (Yang et al., arXiv:2203.03466), up to the one for random weights.
        """
        from models.text.hugging_face import width_of

        recipe = cls.recipe(task)
        if task == "pretraining" or (weights := hyperparameters.get("weights", "none")) == "none":
            return recipe
        folder = base / str(weights)
        width = (width_of(checkpoint_folder(folder)) if folder.is_dir() else None) or SIZES["base"].width
        tuned = min(1e-4 * SIZES["base"].width / width, recipe["learning_rate"])
        return {
            **recipe,
            "epochs": 3,
            "min_steps": 400,
            "batch_size": 32,
            "learning_rate": recipe["learning_rate"] if hyperparameters.get("lora") else tuned,
            "precision": "auto",
            "restore_best": False,  # the rate falls to zero by plan; a small eval split picks an epoch by chance
        }

    @property
    def length_multiple(self) -> int:
        """So many ids that there are 24 lengths up to the default limit, which no batch may exceed."""
        return 1 if self.config.sequence_length % _LENGTHS else _LENGTHS

    def files(self) -> Sequence[Path]:
        """The folder of `weights`, where it is one."""
        path = self.base / self.config.weights
        return [checkpoint_folder(path)] if self.config.weights != "none" and path.is_dir() else []

    def check_files(self) -> None:
        """That a folder of Hugging Face's holds the tensors that it should."""
        from models.text.hugging_face import check_folder

        for folder in self.files():
            check_folder(folder, self.config.weights)

    def files_of_facts(self) -> Sequence[Path]:
        return self.files() if self.config.vocabulary is None else [self.base / self.config.vocabulary]

    def given_facts(self) -> "Facts":
        """Vocabulary of the weights, or the one that is given, and whether it is of lower-cased texts."""
        if self.config.weights == "none":
            return {"lower_case": 1, **self._given_vocabulary()}
        checkpoint = self._checkpoint()
        return {"vocabulary": list(checkpoint.vocabulary), "lower_case": int(checkpoint.lower_case)}

    def analyzers(self) -> Sequence[Analyzer[Any]]:
        from models.text.wordpiece_vocabulary import WordPieceVocabulary

        if self.config.weights != "none" or self.config.vocabulary is not None:
            return []
        return [WordPieceVocabulary(self.features, size=self.config.vocabulary_size, min_count=2)]

    def preprocess(self, facts: "Facts") -> "Preprocess":
        from models.text.wordpieces import WordPieces

        return WordPieces(
            facts["vocabulary"], self.features, self.config.sequence_length, lower_case=bool(facts["lower_case"])
        )

    def row_names(self, facts: "Facts") -> Mapping[str, Sequence[str]]:
        return {"token_embedding/embeddings": facts["vocabulary"]}

    def pieces(self, facts: "Facts") -> "Pieces":
        from models.text.masking import Pieces
        from models.text.wordpieces import MASK, SPECIAL

        return Pieces.of_word_pieces(facts["vocabulary"], SPECIAL, mask=MASK)

    def encoder(self, facts: "Facts") -> "keras.Model":
        import keras

        inputs = self._inputs()
        return keras.Model(inputs, self._encoded(facts, inputs, adapted=False), name="encoder")

    def save_checkpoint(self, backbone: "keras.Model", facts: "Facts", folder: Path) -> None:
        """Writes it as Hugging Face has it."""
        from models.text.saved_encoder import save_encoder

        save_encoder(backbone, facts["vocabulary"], folder, lower_case=bool(facts["lower_case"]))

    def network(self, facts: "Facts", outputs: int) -> "keras.Model":
        return self._network(facts, outputs, adapted=self.config.lora is not None)

    def exported(self, network: "keras.Model", facts: "Facts", outputs: int) -> "keras.Model":
        """The network with its adapters, if it has any, merged into its kernels."""
        from models.text.lora import merge

        return merge(network, self._network(facts, outputs, adapted=False)) if self.config.lora else network

    def _network(self, facts: "Facts", outputs: int, *, adapted: bool) -> "keras.Model":
        import keras

        from models.export.parts import POOLED
        from models.layers.masked_pooling import MaskedPooling
        from models.text.word_ids import IDS

        inputs = self._inputs()
        vectors = self._encoded(facts, inputs, adapted=adapted)
        if self.config.pooling == "first":
            pooled = keras.layers.Identity(name=POOLED)(vectors[:, 0])
        else:
            lengths = keras.ops.count_nonzero(inputs[IDS], axis=1)
            pooled = MaskedPooling(self.config.pooling, bidirectional=False, name=POOLED)(vectors, lengths)
        x = keras.layers.Dropout(self.config.dropout)(pooled)
        logits = keras.layers.Dense(outputs, dtype="float32", name="logits")(x)
        return keras.Model(inputs, logits, name="bert")

    def _inputs(self) -> "dict[str, keras.KerasTensor]":
        """Ids, and of a pair of texts the number of each piece's text, `(batch_size, length)`."""
        import keras

        from models.text.word_ids import IDS
        from models.text.wordpieces import SEGMENTS

        names = [IDS, SEGMENTS] if len(self.features) > 1 else [IDS]
        return {name: keras.Input((None,), dtype="int64", name=name) for name in names}

    def _encoded(
        self, facts: "Facts", inputs: "Mapping[str, keras.KerasTensor]", *, adapted: bool
    ) -> "keras.KerasTensor":
        """Vectors of the pieces, `(batch_size, length, width)`."""
        import keras

        from models.text.checkpoints import PADDING_MASK, SEGMENT_IDS, TOKEN_IDS
        from models.text.word_ids import IDS
        from models.text.wordpieces import SEGMENTS

        encoder = self._backbone(facts, adapted=adapted)
        ids = keras.ops.cast(inputs[IDS], "int32")
        given = {TOKEN_IDS: ids, PADDING_MASK: keras.ops.cast(ids > 0, "int32")}
        if SEGMENT_IDS in encoder.input:
            segments = inputs.get(SEGMENTS)
            given[SEGMENT_IDS] = keras.ops.zeros_like(ids) if segments is None else keras.ops.cast(segments, "int32")
        return encoder(given)

    def _backbone(self, facts: "Facts", *, adapted: bool) -> "keras.Model":
        from models.text.checkpoints import encoder, freeze
        from models.text.lora import adapt

        if self.config.weights != "none":
            checkpoint = self._checkpoint()
            check_vocabulary(checkpoint.vocabulary, facts, self.config.weights)
            loaded = checkpoint.backbone(self.config.sequence_length)
            freeze(loaded, self.config.freeze)
            if adapted and (lora := self.config.lora):
                adapt(loaded, lora.rank, lora.alpha or lora.rank)
            return loaded
        import keras_hub

        size = SIZES[self.config.size]
        fresh = keras_hub.models.BertBackbone(
            vocabulary_size=len(facts["vocabulary"]),
            num_layers=size.layers,
            num_heads=size.width // 64,
            hidden_dim=size.width,
            intermediate_dim=4 * size.width,
            max_sequence_length=self.config.sequence_length,
        )
        return encoder(fresh, "gelu")

    def _given_vocabulary(self) -> "Facts":
        from models.text.given_vocabulary import checked_pieces, read_pieces

        if (name := self.config.vocabulary) is None:
            return {}
        key = "model.vocabulary"
        return {"vocabulary": list(checked_pieces(read_pieces(self.base / name, key), key, name))}

    def _checkpoint(self) -> "Checkpoint":
        from models.text.checkpoints import open_checkpoint

        return open_checkpoint(self.config.weights, self.base)
