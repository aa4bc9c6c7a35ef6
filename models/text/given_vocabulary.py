"""Vocabularies of word pieces that somebody else made: a text file, a piece a line, in the order of their ids."""

from collections.abc import Sequence
from pathlib import Path

from models.text.wordpieces import SPECIAL
from schemas.errors import ConfigError


def read_pieces(path: Path, key: str) -> list[str]:
    """The lines of a file.

    Args:
        path: of the file, in UTF-8.
        key: of the pipeline file that it comes from, for messages.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8").rstrip("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"`{key}`: {path} must be a text file in UTF-8, a piece a line: {error}") from error


def checked_pieces(vocabulary: Sequence[str], key: str, received: str) -> tuple[str, ...]:
    """The pieces, once they can be what BERT's tokenizer needs.

    Args:
        vocabulary: in the order of their ids.
        key: as for `read_pieces`.
        received: the value there.

    Raises:
        ConfigError: a special piece is missing, padding is not the first, or a piece stands twice.
    """
    lacking = [piece for piece in SPECIAL if piece not in vocabulary]
    if lacking or vocabulary[0] != SPECIAL[0]:
        raise ConfigError(
            f"`{key}`: a vocabulary must begin with {SPECIAL[0]} and have {', '.join(SPECIAL[1:])}. Received:"
            f" {received}, which begins with {vocabulary[0]!r} and lacks {', '.join(lacking) or 'none'}"
        )
    if len(set(vocabulary)) < len(vocabulary):
        twice = next(piece for place, piece in enumerate(vocabulary) if piece in vocabulary[:place])
        raise ConfigError(
            f"`{key}`: the pieces of a vocabulary must differ. Received: {received}, which has {twice!r} twice"
        )
    return tuple(vocabulary)
