"""The rule on what a model sees in texts and pictures: whether their vectors are distributed as they were."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from components.validation.inspection import Check, Measured, Rule

if TYPE_CHECKING:
    from components.transforms.embeddings import Sampled

_LEAST: Final = 20
"""Vectors that a sample must have to be compared."""


def missing_vectors(serving: Path, features: Mapping[str, str]) -> str:
    """Why a model makes no vectors of these inputs; empty where it does. Reads its graph, and loads nothing."""
    from components.infra.ops import read_meta_graph
    from schemas.errors import TrainworksError

    try:
        signatures = read_meta_graph(serving).signature_def
    except TrainworksError as error:
        return str(error).rstrip(".")
    if "embed" not in signatures:
        return f"the model in {serving} has no signature `embed`"
    if strange := sorted(signatures["embed"].inputs.keys() ^ features.keys()):
        return f"the model in {serving} has other inputs than `data.features`: they differ in `{strange[0]}`"
    return ""


def embedding_check(
    name: str, serving: Path, features: Mapping[str, str], *, before: "Sampled", now: "Sampled", sample: int
) -> Check | str:
    """Compares samples of two sets of examples by the vectors that a model makes of them; or why that cannot be done.

    It loads TensorFlow and the model, which then answers for at most `2 * sample` examples.

    Args:
        name: what the newer examples are called.
        serving: the SavedModel.
        features: model input to column.
        before, now: the examples.
        sample: how many of each are drawn.
    """
    from components.transforms.embeddings import Embedder
    from components.validation.energy import energy_distance

    missing = missing_vectors(serving, features)
    strange = [column for column in features.values() if column not in before.columns or column not in now.columns]
    if missing or strange:
        return missing or f"the examples have no column `{strange[0]}`"
    embedder = Embedder(serving, features)
    older, newer = embedder.vectors(before, sample), embedder.vectors(now, sample)
    if min(len(older), len(newer)) < _LEAST:
        return f"there are but {len(older)} and {len(newer)} vectors, of {_LEAST} at least"
    distance = energy_distance(older, newer)
    chance = f"by chance up to {distance.chance:.3g}"
    found = f"vectors {distance.value:.3g} ({chance}), of {len(older):,} and {len(newer):,} examples"
    measured = Measured("energy", "vectors", distance.value, distance.chance)
    return Check(name, distance.beyond_chance, found, next(iter(features.values())), telling=True, measured=measured)


def embedding_rule(against: str, found: Check | str) -> Rule:
    """The rule on a comparison, or one that is skipped."""
    expected = f"energy distance between the vectors of {against}: {{limit}}"
    if isinstance(found, str):
        return Rule("embedding_drift", expected, skipped=f"skipped: {found}", plain=True)
    advice = "Texts or pictures are others than they were, in what the model sees of them: look at new ones"
    return Rule("embedding_drift", expected, (found,), advice, plain=True)
