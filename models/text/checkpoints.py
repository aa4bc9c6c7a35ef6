"""Pretrained encoders: where they are, their vocabulary, and how they become part of a network.

Two kinds of folder are read: Hugging Face's (`config.json`, `vocab.txt` or `tokenizer.json`, `model.safetensors`) and
KerasHub's presets; and presets by name, which KerasHub fetches.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import keras

from models.given_weights import PRESET, Freeze, checkpoint_folder, count_arrays, freeze_layers, read
from models.text.architectures import ARCHITECTURES
from models.text.given_vocabulary import checked_pieces, read_pieces
from models.text.hugging_face import Tensors, json_object
from models.training.phases import BACKBONE
from schemas.errors import ConfigError

TOKEN_IDS, SEGMENT_IDS, PADDING_MASK = "token_ids", "segment_ids", "padding_mask"
"""KerasHub's names for a backbone's inputs."""

_LAYER: Final = "transformer_layer_"
"""KerasHub's names of encoder layers begin so."""

_PRESET_WEIGHTS: Final = "model.weights.h5"
"""Values in the folder of a KerasHub preset."""

_ACTIVATIONS: Final[Mapping[str, str | None]] = {
    "gelu": "gelu",  # by the error function
    "gelu_new": None,  # by the hyperbolic tangent, which is KerasHub's
    "gelu_pytorch_tanh": None,
    "relu": "relu",
}
"""Hugging Face's names to Keras'; None for what KerasHub has anyway."""


@dataclass(frozen=True)
class Checkpoint:
    """A pretrained encoder.

    Attributes:
        weights: as `model.weights` names it.
        source: what KerasHub loads: a folder or a preset's name.
        vocabulary: its pieces in the order of their ids.
        lower_case: whether texts are lower-cased for it.
        activation: Keras' name of the activation of its inner layers; None for KerasHub's own.
        tensors: its values, where they come from a folder of Hugging Face's; else KerasHub reads them.
    """

    weights: str
    source: str
    vocabulary: tuple[str, ...]
    lower_case: bool
    activation: str | None = None
    tensors: Tensors | None = None

    def backbone(self, sequence_length: int) -> keras.Model:
        """The encoder, named `backbone`: from `token_ids`, `padding_mask` and, where it has them, `segment_ids` to
        float32 `(batch_size, length, width)`.

        Raises:
            ConfigError: it cannot be read, or knows fewer positions than `sequence_length`.
        """
        loaded = self._loaded()
        longest = getattr(loaded, "max_sequence_length", None)
        if longest is not None and sequence_length > longest:
            raise ConfigError(
                f"`model.sequence_length` must be at most {longest}, the positions that {self.weights} knows. Received:"
                f" sequence_length={sequence_length}"
            )
        found = encoder(loaded, self.activation)
        if self.tensors:
            self.tensors.assign(found)
        return found

    def _loaded(self) -> keras.Model:
        """KerasHub's; with values where it reads them."""
        import keras_hub

        ours = self.tensors is not None
        loaded = read(lambda: keras_hub.models.Backbone.from_preset(self.source, load_weights=not ours), self.weights)
        file = Path(self.source) / _PRESET_WEIGHTS
        if (
            not ours
            and file.is_file()
            and (count := read(lambda: count_arrays(file), self.weights)) != len(loaded.weights)
        ):
            raise ConfigError(
                f"`model.weights`: {_PRESET_WEIGHTS} must hold the {len(loaded.weights)} arrays of the encoder that"
                f" config.json describes. Received: {self.weights}, which holds {count}"
            )
        return loaded


def encoder(loaded: keras.Model, activation: str | None = None) -> keras.Model:
    """The part of a backbone that ends in a vector for each piece, with another activation in its inner layers.

    Args:
        loaded: KerasHub's; its weights are taken along.
        activation: Keras' name; as it is unless given.
    """
    import keras_hub

    from models.layers.encoder_kernels import kernels_pay
    from models.layers.fused_encoder import FusedEncoder

    narrow = keras.config.dtype_policy().compute_dtype != "float32"

    def layer(old: keras.Layer) -> keras.Layer:
        config = old.get_config()
        if activation and isinstance(old, keras_hub.layers.TransformerEncoder):
            config["activation"] = wide_gelu if activation == "gelu" and narrow else activation
            if activation == "gelu" and narrow and not config["normalize_first"] and kernels_pay():
                return FusedEncoder.from_config(config)
        return type(old).from_config(config)

    output = loaded.output
    whole = keras.Model(loaded.input, output["sequence_output"] if isinstance(output, dict) else output)
    clone = keras.models.clone_model(whole, clone_function=layer)
    named = keras.Model(clone.input, clone.output, name=BACKBONE)
    named.set_weights(whole.get_weights())
    return named


@keras.saving.register_keras_serializable("trainworks")
def wide_gelu(x: keras.KerasTensor) -> keras.KerasTensor:
    """The exact GELU, computed in float32 whatever comes: the error function is slow and rough in bfloat16."""
    return keras.ops.cast(keras.activations.gelu(keras.ops.cast(x, "float32"), approximate=False), x.dtype)


def freeze(backbone: keras.Model, what: Freeze) -> None:
    """Leaves as they are: nothing, all layers, or embeddings and all but the last so many encoder layers.

    Raises:
        ConfigError: there are fewer layers.
    """
    blocks = [[layer] for layer in backbone.layers if layer.name.startswith(_LAYER)]
    freeze_layers(backbone, what, blocks, "layers")


def open_checkpoint(weights: str, base: Path) -> Checkpoint:
    """What `model.weights` names, its vocabulary read.

    Args:
        weights: a path, or a preset of KerasHub.
        base: the folder that paths start from.

    Raises:
        ConfigError: there is no such thing, or it is no encoder with a WordPiece vocabulary.
    """
    folder = base / weights
    if not folder.exists():
        if not PRESET.fullmatch(weights):
            raise ConfigError(
                "`model.weights` must be `none`, a preset of KerasHub, or a folder that is there. Received:"
                f" {weights} ({folder.resolve()} does not exist)"
            )
        return _preset(weights, weights)
    folder = checkpoint_folder(folder) if folder.is_dir() else folder
    if not (folder / "config.json").is_file():
        raise ConfigError(
            "`model.weights`: a folder must be Hugging Face's (with config.json, vocab.txt or tokenizer.json, and"
            " model.safetensors), a preset of KerasHub (with config.json), or what a pipeline with `task: pretraining`"
            f" trained or pushed. Received: {weights}"
        )
    config = json_object(folder / "config.json", weights)
    return _hugging_face(folder, config, weights) if "model_type" in config else _preset(str(folder), weights)


def _hugging_face(folder: Path, config: Mapping[str, Any], weights: str) -> Checkpoint:
    if config["model_type"] not in tuple(ARCHITECTURES):  # which may be of any type
        raise ConfigError(
            f"`model.weights`: a Hugging Face folder must hold a model of type {' or '.join(ARCHITECTURES)}. Received:"
            f" {weights}, of type {config['model_type']}"
        )
    name = config.get("hidden_act", config.get("activation", "gelu"))
    if name not in tuple(_ACTIVATIONS):
        raise ConfigError(f"`model.weights`: the activation must be one of {', '.join(_ACTIVATIONS)}. Received: {name}")
    tensors = Tensors(folder, config, weights)
    vocabulary, lower_case = _tokenizer(folder, weights)
    if len(vocabulary) > config["vocab_size"]:
        raise ConfigError(
            f"`model.weights`: the vocabulary has {len(vocabulary)} pieces, the network {config['vocab_size']} only."
            f" Received: {weights}"
        )
    return Checkpoint(
        weights,
        str(folder),
        checked_pieces(vocabulary, "model.weights", weights),
        lower_case,
        _ACTIVATIONS[name],
        tensors,
    )


def _tokenizer(folder: Path, weights: str) -> tuple[Sequence[str], bool]:
    """Vocabulary, and whether it is of lower-cased texts."""
    whole = json_object(folder / "tokenizer.json", weights) if (folder / "tokenizer.json").is_file() else {}
    settings = folder / "tokenizer_config.json"
    lower_case = _part(whole, "normalizer").get("lowercase", True)
    if settings.is_file():
        lower_case = json_object(settings, weights).get("do_lower_case", lower_case)
    if (folder / "vocab.txt").is_file():
        return read_pieces(folder / "vocab.txt", "model.weights"), bool(lower_case)
    pieces = _part(whole, "model").get("vocab")
    if not isinstance(pieces, dict) or not _are_numbered(pieces):
        raise ConfigError(
            "`model.weights`: the folder must hold vocab.txt, or a WordPiece tokenizer.json whose pieces are numbered"
            f" from 0 on. Received: {weights}"
        )
    return sorted(pieces, key=pieces.__getitem__), bool(lower_case)


def _part(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = whole.get(name)
    return found if isinstance(found, dict) else {}


def _are_numbered(pieces: Mapping[str, Any]) -> bool:
    numbers = pieces.values()
    return all(type(number) is int for number in numbers) and set(numbers) == set(range(len(pieces)))


def _preset(source: str, weights: str) -> Checkpoint:
    import keras_hub

    tokenizer = read(lambda: keras_hub.models.Tokenizer.from_preset(source), weights)
    if not isinstance(tokenizer, keras_hub.tokenizers.WordPieceTokenizer):
        raise ConfigError(
            f"`model.weights` must name an encoder with a WordPiece vocabulary, as BERT and DistilBERT have. Received:"
            f" {weights}, whose tokenizer is a {type(tokenizer).__name__}"
        )
    return Checkpoint(
        weights, source, checked_pieces(tokenizer.get_vocabulary(), "model.weights", weights), bool(tokenizer.lowercase)
    )
