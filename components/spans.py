"""Which spans a run reads, and their files: found without TensorFlow or Beam.

A span that is still being written is left for the next run. What is decided here is decided once a run, so that a span
which comes while the run reads changes nothing about it.
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
from schemas.spans import Span, in_ranges

_NAMED = 3
"""Spans that a line names before it counts the rest."""


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


@dataclass(frozen=True)
class FoundSpans:
    """The spans of a run.

    Args:
        read: those that are read, oldest first; none of them is empty.
        empty: those that would be read, were anything in them.
        waiting: those that are left for the next run.
    """

    read: tuple[SpanFiles, ...] = ()
    empty: tuple[SpanFiles, ...] = ()
    waiting: tuple[SpanFiles, ...] = ()

    @property
    def spans(self) -> tuple[Span, ...]:
        return tuple(found.span for found in self.read)

    @property
    def empty_places(self) -> tuple[str, ...]:
        """Folders, or files, of the empty spans: that they are there is part of what was found."""
        places = (place for one in self.empty for some in one.places.values() for place in some)
        return tuple(dict.fromkeys(places))

    def left_for_later(self) -> str:
        """One line on the spans that wait; empty where none does."""
        if not self.waiting:
            return ""
        newest = self.waiting[: -_NAMED - 1 : -1]
        named = "; ".join(f"{found.span} ({found.waiting})" for found in newest)
        more = f"; and {len(self.waiting) - _NAMED} more" if len(self.waiting) > _NAMED else ""
        return f"left for the next run, still being written: span {named}{more}"


def newest_span(data: DataConfig, base: Path, now: float | None = None) -> Span | None:
    """The newest span that a run would read; None where there is none, or where the data has no spans.

    Looks at no more spans than it must, so that it may be asked often.

    Args:
        now: seconds since the epoch; the present time unless given.
    """
    if data.spans is None:
        return None
    read = (found for found in _newest_first(data, data.spans, base, now) if not (found.waiting or found.empty))
    return next((found.span for found in read), None)


def settled_spans(data: DataConfig, base: Path, now: float | None = None) -> tuple[Span, ...]:
    """The spans that a run would read, oldest first; empty where the data has none."""
    return find_spans(data, base, now).spans


def find_spans(data: DataConfig, base: Path, now: float | None = None) -> FoundSpans:
    """The spans of a run that would start now.

    Raises:
        DataError: two paths spell one span, or a path looks like a day that does not exist.
    """
    read: list[SpanFiles] = []
    empty: list[SpanFiles] = []
    waiting: list[SpanFiles] = []
    spans = data.spans or SpansConfig()
    for found in _newest_first(data, spans, base, now) if data.spans else ():
        (waiting if found.waiting else empty if found.empty else read).append(found)
        if len(read) == spans.window:
            break
    return FoundSpans(tuple(reversed(read)), tuple(reversed(empty)), tuple(reversed(waiting)))


def data_of_spans(data: DataConfig, found: FoundSpans, base: Path) -> DataConfig:
    """The section `data` with the spans' files in place of the patterns.

    Raises:
        DataError: there is no span to read, a span lacks the files of a split, or a split is left without any.
    """
    _check_places(data, found, base)
    if not found.read:
        raise DataError(_no_span(data, found, base))
    spans, patterns = data.spans or SpansConfig(), data.span_patterns
    newest = found.read[-1]
    _check_whole(found.read, [split for split in patterns if split not in spans.newest_only])
    _check_whole([newest], spans.newest_only)
    taken = {path for split in spans.newest_only for path in newest.of(split)}
    splits: dict[str, tuple[str, ...]] = {}
    for split, globs in data.splits.items():
        only = split in spans.newest_only
        paths: list[str] = []
        for pattern in [globs] if isinstance(globs, str) else globs:
            if any(pattern == known.text for known in patterns.get(split, ())):
                here = [path for one in ([newest] if only else found.read) for path in one.files[split, pattern]]
                paths += [path for path in here if only or path not in taken]
            else:
                paths.append(pattern)
        if not paths:
            raise DataError(_nothing_left(split, spans, newest))
        splits[split] = tuple(paths)
    return data.model_copy(update={"splits": splits, "spans": None})


def vanished(found: FoundSpans, base: Path) -> DataError | None:
    """What is to be said where files that are to be read are no longer there."""
    for one in found.read:
        gone = [path for path in one.paths if not (base / path).exists()]
        if gone:
            return DataError(
                f"Span {one.span} vanished while it was read: `{gone[0]}` is gone. Put it back, or run again to go on"
                f" without it."
            )
    return None


def _newest_first(data: DataConfig, spans: SpansConfig, base: Path, now: float | None) -> Iterator[SpanFiles]:
    """Each span in its newest complete version, newest span first; versions that wait on the way."""
    present = time.time() if now is None else now
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
    files: dict[tuple[str, str], tuple[str, ...]] = {}
    for split, patterns in data.span_patterns.items():
        for pattern in patterns:
            below = (path for place in places.get(pattern.text, ()) for path in _below(place, pattern.tail, base))
            fitting = (path for path in below if (base / path).is_dir() == folders)
            files[split, pattern.text] = tuple(path for path in fitting if Path(path).name != spans.marker)
    paths = dict.fromkeys(path for some in files.values() for path in some)
    stats = list(_stats(paths, base, folders=folders))
    heads = [place for some in places.values() for place in some]
    youngest = max((stat.st_mtime for stat in stats or _stats(heads, base)), default=0.0)
    waiting = _why_wait(spans, heads, base, now - youngest)
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


def _why_wait(spans: SpansConfig, heads: Sequence[str], base: Path, age: float) -> str:
    """Why a span is not complete yet; empty when it is."""
    if spans.marker:
        without = [head for head in dict.fromkeys(heads) if not (base / head / spans.marker).exists()]
        if without:
            return f"no {spans.marker} in {without[0]}"
    if not spans.settles_after or age >= spans.settles_after:
        return ""
    if age < 0:
        return f"changed {-age:.0f} s in the future, says its time"
    return f"changed {age:.0f} s ago, settles after {spans.settles_after:g} s"


def _check_places(data: DataConfig, found: FoundSpans, base: Path) -> None:
    """Raises a DataError where a pattern ends with a span's folder, and is to name files."""
    if data.format == "image-folder":
        return
    for pattern in (pattern for some in data.span_patterns.values() for pattern in some if not pattern.tail):
        places = (place for one in (*found.empty, *found.read) for place in one.places.get(pattern.text, ()))
        if folder := next((place for place in places if (base / place).is_dir()), None):
            raise DataError(
                f"`{pattern.text}` must name files. Received: `{folder}`, a folder. Did you mean `{pattern.text}/*`?"
            )


def _check_whole(read: Iterable[SpanFiles], splits: Sequence[str]) -> None:
    """Raises a DataError for a span that has files of one split and none of another."""
    for found in read:
        lacking = [split for split in splits if not found.of(split)]
        if lacking:
            having = next((split for split, _ in found.files if found.of(split)), "")
            raise DataError(
                f"All patterns of `data.splits` must find the same spans: span {found.span} has files of `{having}` and"
                f" none of `{lacking[0]}`. Add them, or add {found.span.name} to `data.spans.exclude`."
            )


def _no_span(data: DataConfig, found: FoundSpans, base: Path) -> str:
    patterns = ", ".join(f"`{pattern.text}`" for some in data.span_patterns.values() for pattern in some)
    rule = f"There is no span to read: {patterns}, looked for in {base}"
    if found.waiting:
        return f"{rule}; {found.left_for_later()}. Wait for it, or see `data.spans.settle_seconds` and `marker`."
    if found.empty:
        return f"{rule}; without a file, or with files of no bytes only: {in_ranges(one.span for one in found.empty)}."
    return f"{rule}. Nothing fits that `data.spans` lets in."


def _nothing_left(split: str, spans: SpansConfig, newest: SpanFiles) -> str:
    listed = ", ".join(f"`{name}`" for name in spans.newest_only)
    return (
        f"Split `{split}` is left without files: {listed} takes those of span {newest.span}, the newest"
        f" (`data.spans.newest_only`), and there is no earlier one. Wait for a second span, or give {listed} a pattern"
        " of its own."
    )
