"""Sums of floating-point numbers without rounding, so that they do not depend on the order of their terms.

A number is cut into integers of 32 bits at fixed binary places, as in Neal 2015, "Fast exact summation using small and
large superaccumulators". Sums of such integers are exact, and merge.
"""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from components.metrics.bootstrap import dot

_BITS = 32
_LOWEST = -6
_PLACES = 15
"""From 2**-192 to 2**288: squares of all float32 numbers; what is smaller than 2**-192 is dropped."""


class ExactSums:
    """Weighted sums of several columns, `(rows, columns)`, one row a bootstrap replicate."""

    def __init__(self, rows: int, columns: int) -> None:
        self._places = np.zeros((rows, columns, _PLACES), np.int64)

    def add(self, weights: NDArray[np.uint8], values: NDArray[np.float64]) -> None:
        """Adds `weights @ values` for weights `(rows, n)`, finite values `(n, columns)`, and n under 2**16."""
        pieces = np.empty((*values.shape, _PLACES))
        rest = values.copy()
        for place in reversed(range(_PLACES)):
            unit = 2.0 ** (_BITS * (place + _LOWEST))
            pieces[..., place] = np.trunc(rest / unit)
            rest -= pieces[..., place] * unit
        flat = pieces.reshape(len(values), -1)
        self._places += dot(weights, flat).reshape(self._places.shape)
        self._carry()

    def merge(self, other: "ExactSums") -> None:
        self._places += other._places
        self._carry()

    def row(self, row: int) -> list[Fraction]:
        """The sums of one row, exactly."""
        unit = Fraction(2) ** (_BITS * _LOWEST)
        places = self._places[row].tolist()
        return [unit * sum(int(piece) << (_BITS * place) for place, piece in enumerate(column)) for column in places]

    def _carry(self) -> None:
        """Keeps all places but the last within 32 bits, so that nothing ever overflows."""
        for place in range(_PLACES - 1):
            carry = self._places[..., place] >> _BITS
            self._places[..., place] -= carry << _BITS
            self._places[..., place + 1] += carry
