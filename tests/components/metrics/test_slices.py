"""Names of slices: plain where they can be, and never shared."""

import itertools

import pytest

from components.metrics.slices import SliceNames, is_of


@pytest.mark.parametrize(
    ("slicing", "values", "name"),
    [
        (("a",), ("x",), "a=x"),
        (("a", "b"), ("x", "y"), "a=x,b=y"),
        (("a",), ("oil, gas = 1,c=2",), "a=oil, gas = 1,c=2"),
        (("a",), ("x,b=y",), r"a=x\,b=y"),
        (("a",), ("C:\\",), "a=C:\\"),
        (("a", "b"), ("C:\\", "y"), r"a=C:\\,b=y"),
        (("k=1",), ("x",), r"k\=1=x"),
    ],
)
def test_name(slicing: tuple[str, ...], values: tuple[str, ...], name: str) -> None:
    terms = SliceNames([("a",), ("b", "a"), ("k=1",)]).terms(slicing, [[value] for value in values])
    assert ",".join(term for (term,) in terms) == name
    assert is_of(name, slicing)


def test_no_two_slices_share_a_name() -> None:
    slicings = [("a",), ("b",), ("a", "b"), ("b", "a"), ("a=x",)]
    names, pieces = SliceNames(slicings), ["x", "\\", ",", ",a=", ",b=", ",a\\=x="]
    values = ["".join(parts) for length in range(4) for parts in itertools.product(pieces, repeat=length)]
    seen: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    for slicing in slicings:
        chosen = values if len(slicing) == 1 else values[:60]
        terms = names.terms(slicing, [chosen] * len(slicing))
        for places in itertools.product(range(len(chosen)), repeat=len(slicing)):
            name = ",".join(column[place] for column, place in zip(terms, places, strict=True))
            slice_ = (slicing, tuple(chosen[place] for place in places))
            assert seen.setdefault(name, slice_) == slice_
