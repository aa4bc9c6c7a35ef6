"""Bytes that were something once."""

from random import Random
from typing import Final

_MOST: Final = 4
"""Changes of one text."""
_LONG: Final = 2_000


def spoilt(data: bytes, chance: Random) -> bytes:
    """The same with bits flipped, pieces cut out, doubled, swapped or put in, here and there."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, _MOST)):
        start, end = sorted(chance.choices(range(len(changed) + 1), k=2))
        match chance.randrange(6):
            case 0 if changed:
                changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
            case 1 if changed:
                changed[chance.randrange(len(changed))] = chance.randrange(256)
            case 2:
                del changed[start:end]
            case 3:
                changed[start:start] = changed[start:end] * chance.choice((1, 1, 2, 20))
            case 4:
                changed[start:start] = garbage(chance, 20)
            case _:
                del changed[start:]
    return bytes(changed)


def garbage(chance: Random, most: int = _LONG) -> bytes:
    """Any bytes."""
    return chance.randbytes(chance.randint(0, most))
