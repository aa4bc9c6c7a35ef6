"""The spans that are on disk: their versions, their files, and whether they are complete.

Found without TensorFlow or Beam, for the cache's sake and the scheduler's.
"""

import glob
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.picture_files import files_of_classes
from schemas.config import DataConfig, SpansConfig
from schemas.errors import DataError
from schemas.span_pattern import SpanPattern
from schemas.spans import Span


@dataclass(frozen=True)
class SpanFiles:
    """One version of one span as it was found.

    Args:
        places: its folders (or files, where patterns end with the word that tells the span), by pattern.
        files: what is read, by split and pattern; paths as the patterns have them.
        waiting: why it is left for the next run; empty when it is complete.
        empty: whether it holds no file, or none but files of no bytes.
    """

    span: Span
    places: Mapping[str, tuple[str, ...]]
    files: Mapping[tuple[str, str], tuple[str, ...]]
    waiting: str = ""
    empty: bool = False

    def of(self, split: str) -> tuple[str, ...]:
        """The files of one split."""
        return tuple(path for (name, _), paths in self.files.items() if name == split for path in paths)

    @property
    def paths(self) -> tuple[str, ...]:
        """All files, each once."""
        return tuple(dict.fromkeys(path for paths in self.files.values() for path in paths))


def newest_first(data: DataConfig, base: Path, now: float | None) -> Iterator[SpanFiles]:
    """Each span that `data.spans` lets in, in its newest complete version, and versions that wait; newest span first.

    Args:
        now: seconds since the epoch; the present time unless given.

    Raises:
        DataError: two paths spell one span, or a path looks like a day that does not exist.
    """
    spans, present = data.spans or SpansConfig(), time.time() if now is None else now
    places = _places(data, base)
    versions: dict[int, list[Span]] = defaultdict(list)
    for span in places:
        if spans.wants(span.number):
            versions[span.number].append(span)
    for number in sorted(versions, reverse=True):
        for span in sorted(versions[number], reverse=True):
            yield (found := _look_into(span, places[span], data, base, present))
            if not found.waiting:
                break


def _places(data: DataConfig, base: Path) -> dict[Span, dict[str, tuple[str, ...]]]:
    """Folders (or files) of every version of every span, by pattern."""
    places: dict[Span, dict[str, tuple[str, ...]]] = defaultdict(dict)
    for pattern in {pattern.text: pattern for some in data.span_patterns.values() for pattern in some}.values():
        spelled: dict[Span, tuple[str, ...]] = {}
        for path, words in _matches(pattern, base):
            try:
                read = pattern.spelled(words)
            except ValueError as error:
                raise DataError(
                    f"`{path}` fits {pattern.text!r} and names no day ({error}). Rename it, or move it elsewhere."
                ) from error
            span = Span(read.number, read.version, pattern.dated)
            if spelled.setdefault(span, read.texts) != read.texts:
                other = places[span][pattern.text][0]
                raise DataError(
                    f"`{other}` and `{path}` both spell span {span}. Remove one, or give {{SPAN:N}} digits."
                )
            places[span][pattern.text] = (*places[span].get(pattern.text, ()), path)
    return places


def _matches(pattern: SpanPattern, base: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Paths that the head of a pattern matches, sorted, and what stood for its words."""
    found: list[tuple[str, dict[str, str]]] = [("", {})]
    for part, name in zip(pattern.head, pattern.names, strict=True):
        if isinstance(name, str):
            found = [(os.path.join(path, name), words) for path, words in found]  # noqa: PTH118 (as globs have it)
            continue
        deeper: list[tuple[str, dict[str, str]]] = []
        for path, words in found:
            for entry in _names(base / path):
                match = name.fullmatch(entry) if not entry.startswith(".") or part.startswith(".") else None
                if match:
                    deeper.append((os.path.join(path, entry), {**words, **match.groupdict()}))  # noqa: PTH118
        found = deeper
    return ((path, words) for path, words in found if os.path.lexists(base / path))


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 (names are all that is asked for)
    except OSError:
        return []


def _look_into(
    span: Span, places: Mapping[str, tuple[str, ...]], data: DataConfig, base: Path, now: float
) -> SpanFiles:
    spans, folders = data.spans or SpansConfig(), data.format == "image-folder"
    heads = [place for some in places.values() for place in some]
    # Before the files: the marker is written last, so that where it is seen first no file is missed.
    unmarked = _without_marker(spans, heads, base)
    files: dict[tuple[str, str], tuple[str, ...]] = {}
    for split, patterns in data.span_patterns.items():
        for pattern in patterns:
            below = (path for place in places.get(pattern.text, ()) for path in _below(place, pattern.tail, base))
            fitting = (path for path in below if (base / path).is_dir() == folders)
            files[split, pattern.text] = tuple(path for path in fitting if Path(path).name != spans.marker)
    paths = dict.fromkeys(path for some in files.values() for path in some)
    stats = list(_stats(paths, base, folders=folders))
    youngest = max((stat.st_mtime for stat in stats or _stats(heads, base)), default=0.0)
    waiting = unmarked or _unsettled(spans, now - youngest)
    return SpanFiles(span, places, files, waiting, empty=not any(stat.st_size for stat in stats))


def _below(place: str, tail: str, base: Path) -> Sequence[str]:
    if not tail:
        return (place,)
    if not glob.has_magic(tail):
        path = f"{place}/{tail}"
        return (path,) if os.path.lexists(base / path) else ()
    names = sorted(glob.glob(tail, root_dir=base / place, recursive=True))  # noqa: PTH207 (Path.glob differs)
    return [f"{place}/{name}" for name in names]


def _stats(paths: Iterable[str], base: Path, *, folders: bool = False) -> Iterator[os.stat_result]:
    """Of the files, or of the pictures in folders; what vanishes meanwhile is not there."""
    for path in paths:
        try:
            inner = files_of_classes(base / path) if folders else [""]
        except DataError:
            continue
        for name in inner:
            if name.endswith("/"):  # a class without a file
                continue
            try:
                yield os.stat(base / path / name)  # noqa: PTH116 (Path takes as long again)
            except OSError:
                continue


def _without_marker(spans: SpansConfig, heads: Sequence[str], base: Path) -> str:
    """Which of a span's folders lacks the marker; empty where none does, or there is to be none."""
    without = (head for head in heads if spans.marker and not (base / head / spans.marker).exists())
    return next((f"no {spans.marker} in {head}" for head in without), "")


def _unsettled(spans: SpansConfig, age: float) -> str:
    """Why a span that changed so many seconds ago is not complete yet; empty when it is."""
    if not spans.settles_after or age >= spans.settles_after:
        return ""
    if age < 0:
        return f"dated {-age:.0f} s in the future"
    return f"changed {age:.0f} s ago, settles after {spans.settles_after:g} s"
