"""Folders of encoders as Hugging Face has them, read strictly: a tensor by its name, in its shape, and no others.

What a folder holds is known from the headers of its files (https://huggingface.co/docs/safetensors), before anything is
read. Tensors of a head are passed over, and the pooler's, which our networks do without.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.given_weights import read
from models.text.architectures import ARCHITECTURES, Shapes, stored_name
from schemas.errors import ConfigError

if TYPE_CHECKING:
    import keras
    import numpy as np

WEIGHTS: Final = "model.safetensors"
_INDEX: Final = "model.safetensors.index.json"

_PICKLES: Final = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")

_PASSED_OVER: Final = re.compile(
    r"((bert|distilbert)\.)?(pooler\.dense\.(weight|bias)|embeddings\.position_ids)"
    r"|(cls|classifier|pre_classifier|qa_outputs|vocab_(transform|layer_norm|projector))\..+"
)
"""The pooler, numbers from 0 on that older versions saved, and heads: of pretraining, classes, entities and answers."""

_MOST_NAMED: Final = 5


class Tensors:
    """The tensors of a folder, once they are known to be those that its config.json describes.

    Args:
        folder: Hugging Face's.
        config: its config.json, of a model type among ARCHITECTURES.
        weights: the folder as `model.weights` names it.

    Raises:
        ConfigError: the config lacks a number; there is no safetensors file, or it cannot be read; a tensor is missing,
            is not known, or has another shape.
    """

    def __init__(self, folder: Path, config: Mapping[str, Any], weights: str) -> None:
        self._architecture, self._weights = ARCHITECTURES[config["model_type"]], weights
        expected = self._architecture.shapes(_sizes(config, self._architecture.sizes, weights))
        self._files = files_of(folder, weights)
        there: Shapes = read(lambda: shapes_of(self._files), weights)
        prefix = f"{config['model_type']}."
        self._prefix = prefix if any(prefix + name in there for name in expected) else ""
        self._old_norms = f"{self._prefix}embeddings.LayerNorm.gamma" in there
        check_tensors({self._stored(name): shape for name, shape in expected.items()}, there, weights)

    def assign(self, encoder: "keras.Model") -> None:
        """Gives an encoder of KerasHub's layers these values.

        Raises:
            ConfigError: a file cannot be read.
        """

        def load() -> None:
            with self._opened() as tensor:
                for variable in encoder.weights:
                    value = tensor(self._stored(stored_name(variable.path, self._architecture)))
                    # A kernel is stored as (outputs, inputs), the channels of its heads in one row.
                    turned = value.T if variable.name == "kernel" else value
                    variable.assign(turned.reshape(variable.shape))

        read(load, self._weights)

    def _stored(self, name: str) -> str:
        """The name in the files, which may have a prefix, and old words for the scale and the offset of a norm."""
        if self._old_norms:
            name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        return self._prefix + name

    @contextmanager
    def _opened(self) -> "Iterator[Callable[[str], np.ndarray]]":
        """Reads a tensor by its name, whichever file it is in."""
        from safetensors import safe_open

        with ExitStack() as stack:
            files = [stack.enter_context(safe_open(path, framework="np")) for path in self._files]
            places = {name: file for file in files for name in list(file.keys())}
            yield lambda name: places[name].get_tensor(name)


def check_folder(folder: Path, weights: str) -> None:
    """Checks the tensors of a folder that is Hugging Face's; of others, such as KerasHub's presets, it says nothing.

    Raises:
        ConfigError: as for Tensors.
    """
    config = json_object(folder / "config.json", weights) if (folder / "config.json").is_file() else {}
    if config.get("model_type") in tuple(ARCHITECTURES):
        Tensors(folder, config, weights)


def width_of(folder: Path) -> int | None:
    """The width of an encoder's layers as the config.json of its folder says, which may be a KerasHub preset's; None
    where it does not."""
    with suppress(ConfigError):
        config = json_object(folder / "config.json", str(folder))
        architecture = ARCHITECTURES.get(str(config.get("model_type")))
        name, numbers = (architecture.width, config) if architecture else ("hidden_dim", config.get("config"))
        if isinstance(numbers, dict):
            return _sizes(numbers, (name,), str(folder))[name]
    return None


def json_object(path: Path, weights: str) -> dict[str, Any]:
    """What a JSON file of a folder holds.

    Raises:
        ConfigError: it cannot be read, or holds no object.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"`model.weights`: {path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"`model.weights`: {path} must hold a JSON object. Received: {weights}")
    return found


def _sizes(config: Mapping[str, Any], names: Sequence[str], weights: str) -> dict[str, int]:
    """The numbers that decide the shapes."""
    wrong = [name for name in names if type(config.get(name)) is not int or config[name] < 1]
    if wrong:
        received = ", ".join(f"{name}={config.get(name)!r}" for name in wrong)
        raise ConfigError(
            f"`model.weights`: config.json of {weights} must give {', '.join(names)} as positive numbers. Received:"
            f" {received}"
        )
    return {name: config[name] for name in names}


def shapes_of(files: Sequence[Path]) -> Shapes:
    """Shapes of the tensors in safetensors files, from their headers."""
    from safetensors import safe_open

    shapes: Shapes = {}
    for path in files:
        with safe_open(path, framework="np") as file:
            shapes |= {name: tuple(file.get_slice(name).get_shape()) for name in list(file.keys())}
    return shapes


def files_of(folder: Path, weights: str) -> list[Path]:
    """The safetensors files of a folder: one, or those that its index names.

    Raises:
        ConfigError: there is none; where a pickle is in its place, that is said.
    """
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / _INDEX).is_file():
        places = json_object(folder / _INDEX, weights).get("weight_map")
        names = sorted({str(name) for name in places.values()}) if isinstance(places, dict) else []
        if names and all(name == Path(name).name and (folder / name).is_file() for name in names):
            return [folder / name for name in names]
        raise ConfigError(
            f"`model.weights`: {_INDEX} of {weights} must name files that stand beside it. Received:"
            f" {', '.join(names) or 'none'}"
        )
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLES)
    if pickles:
        raise ConfigError(
            f"`model.weights`: weights must be in a safetensors file, {WEIGHTS}. Received: {weights}, which has"
            f" {', '.join(pickles)} instead, a pickle: to read it may run any code. Where it is trusted, let Hugging"
            " Face's `save_pretrained(folder, safe_serialization=True)` write the folder anew, and give that."
        )
    raise ConfigError(f"`model.weights`: the folder must hold {WEIGHTS}. Received: {weights}, which has none")


def check_tensors(expected: Shapes, there: Shapes, weights: str) -> None:
    """That the tensors are the expected ones, but for those of a head.

    Raises:
        ConfigError: some are missing, not known, or of another shape.
    """
    wrong = [
        ("missing", [name for name in expected if name not in there]),
        ("not known", [name for name in there if name not in expected and not _PASSED_OVER.fullmatch(name)]),
        (
            "of another shape",
            [
                f"{name} {there[name]} instead of {shape}"
                for name, shape in expected.items()
                if there.get(name, shape) != shape
            ],
        ),
    ]
    said = [f"{what}: {_some(names)}" for what, names in wrong if names]
    if said:
        raise ConfigError(
            f"`model.weights`: the tensors of {weights} must be those of the encoder that its config.json describes."
            f" Received: {'; '.join(said)}"
        )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
