r"""The names of slices: `language=en`, and `language=en,length=2` for a cross.

A value may hold anything, `en,length=2` for one. Where a comma in a value could be taken for the next column's, it is
written `\,`; backslashes before it, and at the end of a value that another column follows, are then doubled. So no two
slices share a name, and names of ordinary values are plain.
"""

import re
from collections.abc import Iterable, Sequence


class SliceNames:
    """Writes the names of slices.

    Args:
        slicings: the columns of every slicing.
    """

    def __init__(self, slicings: Iterable[Sequence[str]]) -> None:
        columns = {_column(name) for slicing in slicings for name in slicing}
        following = "|".join(re.escape(column) for column in sorted(columns))
        self._taken_for_a_column = re.compile(rf"(\\*),(?=(?:{following})=)")

    def terms(self, slicing: Sequence[str], values: Sequence[Iterable[str]]) -> list[list[str]]:
        """`column=value` of each value, column by column; those of a row, joined by `,`, are the name of its slice."""
        last = len(slicing) - 1
        return [
            [f"{_column(column)}={self._value(value, place < last)}" for value in texts]
            for place, (column, texts) in enumerate(zip(slicing, values, strict=True))
        ]

    def _value(self, text: str, followed: bool) -> str:
        text = self._taken_for_a_column.sub(r"\1\1\\,", text)
        return re.sub(r"(\\+)\Z", r"\1\1", text) if followed else text


def is_of(name: str, slicing: Sequence[str]) -> bool:
    """Whether a slice's name can be one of this slicing."""
    pattern = ",".join(re.escape(_column(column)) + "=.*" for column in slicing)
    return re.fullmatch(pattern, name, re.DOTALL) is not None


def _column(name: str) -> str:
    return re.sub(r"([\\,=])", r"\\\1", name)
