"""Parts of a large csv file, which several processes read at once.

A file is cut behind a line end before which stands an even number of quotes. Where quotes only enclose fields, and are
doubled inside them, that is the end of a record. A stray quote makes it a guess: then a record may go on beyond the
cut, and whoever reads the part before it finds that out (`WrongCutError`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from components.transforms.readers import Part, Row, Source, opened
from components.transforms.readers.csv_files import CsvReader
from schemas.ingestion import FeatureType

PART_BYTES: Final = 64 << 20
"""Most bytes of a part; a smaller file than two of them is not cut."""

_CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True)
class InParts:
    """A reader of csv whose large files fall into parts.

    Args:
        reader: of files.
        whole: paths of files that are read as one all the same.
    """

    reader: CsvReader
    whole: frozenset[str] = frozenset()

    def probe(self, source: Source) -> Mapping[str, FeatureType | None]:
        return self.reader.probe(source)

    def parts(self, source: Source) -> Iterator[Part]:
        return self.reader.parts(source) if source.path in self.whole else parts_of(source)

    def rows(self, source: Source, part: Part, columns: Sequence[str]) -> Iterator[Row]:
        return self.reader.rows(source, part, columns)


def number_of_parts(path: Path) -> int:
    """How many parts a file is to fall into, by its size alone: an even number, since most machines' cores are."""
    try:
        size = path.stat().st_size
    except OSError:  # which is said when the file is read
        return 1
    return 1 if path.suffix == ".gz" or size < 2 * PART_BYTES else -(-size // (2 * PART_BYTES)) * 2


def parts_of(source: Source) -> Iterator[Part]:
    """The parts of a file, of like size, in order; fewer where there is no line end to cut it at.

    Raises:
        DataError: it cannot be read.
    """
    number = number_of_parts(Path(source.path))
    first = lines = 0
    if number > 1:
        size = Path(source.path).stat().st_size
        with opened(source) as file:
            counted = _Counted(file)
            for place in range(1, number):
                counted.read_to(size * place // number)
                if counted.finish_record() and counted.position < size:
                    yield Part(first, counted.position, lines)
                    first, lines = counted.position, counted.lines
    yield Part(first, 0, lines)


class _Counted:
    """A file whose quotes and line ends are counted while it is read; each of `\\r`, `\\n` and `\\r\\n` ends a line."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._quotes, self._after_return = file, 0, False
        self.position = self.lines = 0

    def read_to(self, position: int) -> None:
        while self.position < position and self._count(self._file.read(min(_CHUNK_BYTES, position - self.position))):
            pass

    def finish_record(self) -> bool:
        """Reads on to where the file may be cut; whether there is such a place."""
        while line := self._count(self._file.readline(_CHUNK_BYTES)):
            if line.endswith(b"\n") and self._quotes % 2 == 0:
                return True
        return False

    def _count(self, content: bytes) -> bytes:
        self.position += len(content)
        self._quotes += content.count(b'"')
        self.lines += content.count(b"\n")
        if self._after_return and content.startswith(b"\n"):
            self.lines -= 1
        if b"\r" in content:
            self.lines += content.count(b"\r") - content.count(b"\r\n")
        self._after_return = content.endswith(b"\r")
        return content
