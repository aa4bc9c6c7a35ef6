"""An encoder of whole words as a folder of config.json, vocab.txt and model.safetensors, as `transformer` leaves it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.given_weights import checkpoint_folder, read
from models.text.hugging_face import WEIGHTS, check_tensors, files_of, json_object, shapes_of
from models.text.word_ids import FIRST_WORD
from schemas.errors import ConfigError
from schemas.files import write_atomically

if TYPE_CHECKING:
    import keras

_MODEL_TYPE: Final = "trainworks-transformer"
_EMBEDDINGS: Final = "embedding/embeddings"


@dataclass(frozen=True)
class EncoderSizes:
    """What decides the shapes of an encoder; see `models.transformer.TransformerHyperparameters`."""

    width: int
    layers: int
    heads: int
    hidden: int


@dataclass(frozen=True)
class WordEncoder:
    """An encoder that was trained before.

    Attributes:
        weights: as `model.weights` names it.
        folder: where it is.
        sizes: of its network.
        vocabulary: its words in the order of their ids.
    """

    weights: str
    folder: Path
    sizes: EncoderSizes
    vocabulary: tuple[str, ...]

    def assign(self, backbone: "keras.Model") -> None:
        """Gives a network of these sizes its values.

        Raises:
            ConfigError: a tensor is missing, unknown or of another shape, or the file cannot be read.
        """
        files = files_of(self.folder, self.weights)
        there = read(lambda: shapes_of(files), self.weights)
        check_tensors({v.path: tuple(v.shape) for v in backbone.weights}, there, self.weights)

        def load() -> None:
            from safetensors.numpy import load_file

            tensors = {name: value for path in files for name, value in load_file(path).items()}
            for variable in backbone.weights:
                variable.assign(tensors[variable.path])

        read(load, self.weights)


def open_word_encoder(weights: str, base: Path) -> WordEncoder:
    """What `model.weights` of a family of words names.

    Args:
        weights: a path.
        base: the folder that paths start from.

    Raises:
        ConfigError: there is no such folder, it holds something else, or its vocabulary does not fit.
    """
    folder = base / weights
    folder = checkpoint_folder(folder) if folder.is_dir() else folder
    config = json_object(folder / "config.json", weights) if (folder / "config.json").is_file() else {}
    sizes: dict[str, Any] = {name: config.get(name) for name in EncoderSizes.__dataclass_fields__}
    known = config.get("model_type") == _MODEL_TYPE
    if not known or not all(type(size) is int and size > 0 for size in sizes.values()):
        raise ConfigError(
            "`model.weights` of `transformer` must be `none`, or what a pipeline with `task: pretraining` and this"
            f" family trained or pushed. Received: {weights}"
            + (f", which holds a model of type {config['model_type']}" if "model_type" in config and not known else "")
        )
    vocabulary = _vocabulary(folder / "vocab.txt")
    there = read(lambda: shapes_of(files_of(folder, weights)), weights)
    rows = there.get(_EMBEDDINGS, (0,))[0]
    if len(vocabulary) + FIRST_WORD != rows:
        raise ConfigError(
            f"`model.weights`: the vocabulary has {len(vocabulary)} words, the network {rows - FIRST_WORD}. Received:"
            f" {weights}"
        )
    return WordEncoder(weights, folder, EncoderSizes(**sizes), vocabulary)


def save_word_encoder(backbone: "keras.Model", sizes: EncoderSizes, vocabulary: Sequence[str], folder: Path) -> None:
    """Writes what `open_word_encoder` reads into a folder that exists."""
    from safetensors.numpy import save

    config: dict[str, Any] = {"model_type": _MODEL_TYPE, **asdict(sizes)}
    write_atomically(json.dumps(config, indent=2, sort_keys=True).encode() + b"\n", folder / "config.json")
    write_atomically("".join(f"{word}\n" for word in vocabulary).encode(), folder / "vocab.txt")
    tensors = {v.path: np.ascontiguousarray(v.numpy(), np.float32) for v in backbone.weights}
    write_atomically(save(tensors), folder / WEIGHTS)


def _vocabulary(path: Path) -> tuple[str, ...]:
    try:
        return tuple(path.read_bytes().decode("utf-8").split("\n")[:-1])
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"`model.weights`: {path} must be a text file in UTF-8, a word a line: {error}") from error
