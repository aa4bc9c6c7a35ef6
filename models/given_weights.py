"""What every kind of given weights has in common: where they are, what is said where they cannot be read, freezing."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field

from schemas.artifacts import CHECKPOINT
from schemas.errors import ConfigError
from schemas.release_record import ReleaseRecord

if TYPE_CHECKING:
    import keras

    from models.analyzer import Facts

Freeze = Literal["none", "all"] | Annotated[int, Field(ge=1, strict=True)]
"""What of given weights stays as it is: nothing, all, or all but the last so many layers or blocks."""

PRESET: Final = re.compile(r"[a-z0-9_]+|(kaggle|hf|modelscope|gs)://.+")
"""Names of KerasHub's presets."""


def read(load: Callable[[], Any], weights: str) -> Any:
    """What `load` gives; whatever stops it is the fault of the file, of the network, or of there being none.

    Args:
        load: reads a model, or a part of one.
        weights: as `model.weights` names it.

    Raises:
        ConfigError: `load` raised something.
    """
    try:
        return load()
    except Exception as error:
        first = str(error).strip().partition("\n")[0]
        advice = (
            " A preset can be fetched on another machine and saved there by KerasHub's `save_to_preset`; then give the"
            " folder's path."
        )
        raise ConfigError(
            f"`model.weights`: cannot read {weights}: {type(error).__name__}: {first.rstrip('.')}."
            + (advice if PRESET.fullmatch(weights) else "")
        ) from error


def served_version(folder: Path) -> Path:
    """Of a folder's versions the one that serves: the stable one, or else the newest; the folder itself if there is
    none."""
    versions = {int(path.name): path for path in folder.iterdir() if path.name.isdecimal() and path.is_dir()}
    return versions.get(ReleaseRecord.read(folder).serving(versions) or 0, folder)


def checkpoint_folder(folder: Path) -> Path:
    """The folder of an encoder that a folder stands for.

    Args:
        folder: of an encoder; or what a pipeline pushed, a version of it, or a Model artifact of a pretraining.
    """
    version = served_version(folder)
    held = (version / CHECKPOINT, version / "Format-Serving" / CHECKPOINT)
    return next((found for found in held if found.is_dir()), folder)


def check_vocabulary(vocabulary: Sequence[str], facts: "Facts", weights: str) -> None:
    """That weights are those whose vocabulary the data was prepared with.

    Raises:
        ConfigError: they are others.
    """
    if list(vocabulary) != facts["vocabulary"]:
        raise ConfigError(
            f"`model.weights`: {weights} has another vocabulary than when the data was prepared: another version was"
            " pushed meanwhile. Run the pipeline again."
        )


def count_arrays(path: Path) -> int:
    """How many arrays a file of Keras' weights (HDF5) holds: Keras passes over what it has too much of."""
    import h5py

    arrays: list[str] = []
    with h5py.File(path) as file:
        file.visititems(lambda name, item: arrays.append(name) if isinstance(item, h5py.Dataset) else None)
    return len(arrays)


def freeze_layers(
    backbone: "keras.Model", what: Freeze, groups: "Sequence[Sequence[keras.Layer]]", things: str
) -> None:
    """Leaves as they are: nothing, all layers, or all but those of the last so many groups.

    Args:
        backbone: whose layers they are.
        what: `none`, `all`, or how many groups learn.
        groups: layers from the input on.
        things: what a group is called, for messages.

    Raises:
        ConfigError: there are fewer groups.
    """
    if what == "none":
        return
    keep = 0 if what == "all" else what
    if keep > len(groups):
        raise ConfigError(
            f"`model.freeze` must leave at most as many {things} to be trained as there are ({len(groups)})."
            f" Received: freeze={what}"
        )
    learning = {id(layer) for group in groups[len(groups) - keep :] for layer in group}
    for layer in backbone.layers:
        layer.trainable = id(layer) in learning
