"""What each split reads of the spans that were found."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from components.input_files import as_globs
from components.span_files import SpanFiles
from components.spans import FoundSpans
from schemas.config import DataConfig, SpansConfig
from schemas.errors import DataError
from schemas.spans import told


def data_of_spans(data: DataConfig, found: FoundSpans, base: Path) -> DataConfig:
    """The section `data` with the spans' files in place of the patterns.

    Raises:
        DataError: there is no span to read, a span lacks the files of a split, or a split is left without any.
    """
    _check_places(data, found, base)
    if not found.read:
        raise DataError(_no_span(data, found, base))
    spans, newest = data.spans or SpansConfig(), found.read[-1]
    _check_whole(found.read, [split for split in data.span_patterns if split not in spans.newest_only])
    _check_whole([newest], spans.newest_only)
    taken = {path for split in spans.newest_only for path in newest.of(split)}
    splits: dict[str, tuple[str, ...]] = {}
    for split, globs in data.splits.items():
        only = split in spans.newest_only
        files = _files_of(split, as_globs(globs), [newest] if only else found.read)
        splits[split] = tuple(path for path in files if only or path not in taken)
        if not splits[split]:
            raise DataError(_nothing_left(split, spans, newest))
    return data.model_copy(update={"splits": splits, "spans": None})


def _files_of(split: str, globs: Sequence[str], read: Sequence[SpanFiles]) -> Iterator[str]:
    """Files of the spans for each pattern among globs, oldest span first; other globs as they are."""
    for pattern in globs:
        if (split, pattern) in read[0].files:
            yield from (path for one in read for path in one.files[split, pattern])
        else:
            yield pattern


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
        return f"{rule}; without a file, or with files of no bytes only: {told(one.span for one in found.empty)}."
    return f"{rule}. Nothing fits that `data.spans` lets in."


def _nothing_left(split: str, spans: SpansConfig, newest: SpanFiles) -> str:
    listed = ", ".join(f"`{name}`" for name in spans.newest_only)
    return (
        f"Split `{split}` is left without files: {listed} takes those of span {newest.span}, the newest"
        f" (`data.spans.newest_only`), and there is no earlier one. Wait for a second span, or give {listed} a pattern"
        " of its own."
    )
