"""Starting from the weights of a model that was trained before, rather than at random.

Weights are taken over array by array. Where rows stand for words or columns for labels, each takes the values of its
own word or label, and keeps its random start where the other model does not know it. Where the networks differ in
anything else nothing is taken over, and it is said why.
"""

from collections.abc import Callable, Sequence
from typing import Final

import keras
import numpy as np

from models.weight_names import OUTPUTS, WeightNames
from schemas.artifacts import Model

_SCRATCH: Final = "training starts from scratch"


class WarmStart:
    """Makes networks that start from another model's weights.

    Args:
        champion: the other model.
        names: of the weights of the networks that are made.
    """

    def __init__(self, champion: Model, names: WeightNames) -> None:
        self._champion, self._names = champion, names
        self._weights: Sequence[tuple[str, np.ndarray]] | None = None
        self.misfit = ""
        """Why the weights could not be taken over; empty when they were."""
        self.told = ""
        """What was taken over, in words."""

    def of(self, build: Callable[[], keras.Model]) -> Callable[[], keras.Model]:
        """`build` for networks that start warm."""

        def warm() -> keras.Model:
            network = build()
            try:
                self._give(network)
            except _MisfitError as error:
                self.misfit = f"{_SCRATCH}: {error}"
            return network

        return warm

    def _give(self, network: keras.Model) -> None:
        """Sets the network's weights, all of them or, where they do not fit, none."""
        theirs, then = self._read()
        ours = network.weights
        if len(ours) != len(theirs):
            raise _MisfitError(f"the champion's network has {len(theirs)} arrays of weights, this one has {len(ours)}")
        transfer = _Transfer(self._names, then)
        transfer.check(network)
        values = [transfer.values(mine, *other) for mine, other in zip(ours, theirs, strict=True)]
        for variable, value in zip(ours, values, strict=True):
            variable.assign(value)
        self.told = f"training starts from the champion {self._champion.uri}{transfer.told}"

    def _read(self) -> tuple[Sequence[tuple[str, np.ndarray]], WeightNames]:
        """The champion's weights by path, in order, and their names."""
        folder = self._champion.keras.parent
        if not self._champion.keras.is_file():
            raise _MisfitError(f"the champion's files are gone from {folder}")
        if not self._champion.weight_names.is_file():
            raise _MisfitError(f"the champion in {folder} does not say what its weights stand for")
        try:
            names = WeightNames.load(self._champion.weight_names)
            if self._weights is None:
                trained = keras.saving.load_model(self._champion.keras, compile=False)
                self._weights = [(weight.path, weight.numpy()) for weight in trained.weights]
        except Exception as error:  # a damaged file raises whatever its reader trips over
            first = str(error).strip().partition("\n")[0]
            raise _MisfitError(f"the champion in {folder} cannot be read: {type(error).__name__}: {first}") from error
        return self._weights, names


class _MisfitError(Exception):
    """The champion's weights are not for this network."""


class _Transfer:
    """From the weights of one network to those of another."""

    def __init__(self, now: WeightNames, then: WeightNames) -> None:
        self._now, self._then = now, then
        self.told = ""

    def check(self, network: keras.Model) -> None:
        """Whether it is known what all weights stand for."""
        for name, digest in self._now.facts.items():
            if self._then.facts.get(name) != digest and not self._now.rows:
                raise _MisfitError(f"`{name}` differs, and the family does not say which weights belong to it")
        same = (self._now.outputs, self._now.unit) == (self._then.outputs, self._then.unit)
        if not same and OUTPUTS not in [layer.name for layer in network.layers]:
            raise _MisfitError(f"the labels differ, and the network has no layer `{OUTPUTS}` whose columns they are")

    def values(self, mine: keras.Variable, path: str, theirs: np.ndarray) -> np.ndarray:
        """What an array of this network starts with."""
        values = mine.numpy().copy()
        if mine.path.rpartition("/")[2] != path.rpartition("/")[2] or values.ndim != theirs.ndim:
            raise _MisfitError(f"where this network has `{mine.path}`, the champion's has `{path}`")
        if self._is_of_outputs(mine.path):
            theirs = self._rescaled(theirs, kernel=values.ndim > 1)
        axes = [self._places(mine.path, axis, values.shape, theirs.shape) for axis in range(values.ndim)]
        values[np.ix_(*(here for here, _ in axes))] = theirs[np.ix_(*(there for _, there in axes))]
        return values

    def _places(
        self, path: str, axis: int, shape: tuple[int, ...], other: tuple[int, ...]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The places along an axis that both networks know, in the one and in the other."""
        now, then = self._named(path, axis, len(shape))
        if now == then:
            if shape[axis] != other[axis]:
                raise _MisfitError(f"`{path}` is of shape {shape}, the champion's is of {other}")
            return np.arange(shape[axis]), np.arange(shape[axis])
        if (len(now), len(then)) != (shape[axis], other[axis]):
            raise _MisfitError(f"`{path}` has values along axis {axis} that do not stand for anything known")
        known = {name: place for place, name in enumerate(then)}
        here = np.array([place for place, name in enumerate(now) if name in known], np.int64)
        what = "outputs" if now is self._now.outputs else f"rows of `{path}`"
        if what not in self.told:
            self.told += f", {len(here):,} of {len(now):,} {what}"
        return here, np.array([known[now[place]] for place in here], np.int64)

    def _named(self, path: str, axis: int, rank: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What an axis stands for in either network; twice nothing where it has no names."""
        if axis == rank - 1 and self._is_of_outputs(path):
            return self._now.outputs, self._then.outputs
        if axis == 0 and path in self._now.rows:
            return self._now.rows[path], self._then.rows.get(path, ())
        return (), ()

    def _is_of_outputs(self, path: str) -> bool:
        return path.split("/")[-2:-1] == [OUTPUTS]

    def _rescaled(self, theirs: np.ndarray, *, kernel: bool) -> np.ndarray:
        """A number's weights in this network's unit: what they answer in the label's own unit stays as it is."""
        (mean, scale), (other_mean, other_scale) = self._now.unit, self._then.unit
        return theirs * (other_scale / scale) + (0.0 if kernel else (other_mean - mean) / scale)
