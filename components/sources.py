"""What a section `data` reads: files, folders or splits, and the pictures that rows name."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from components.component import FileGroup
from components.input_files import as_globs, matched_files, matched_folders
from components.picture_files import may_be_path
from schemas.config import DataConfig
from schemas.errors import ConfigError

if TYPE_CHECKING:
    from components.transforms.columns import Column
    from components.transforms.pictures import Pictures
    from components.transforms.readers import Source


def sources_of(data: DataConfig, base: Path) -> "Iterator[Source]":
    """The files, folders or splits that are read, in order. Raises a DataError where nothing is found."""
    from components.transforms.readers import Source

    for split, globs in data.splits.items():
        if data.format == "tfds":
            for name in as_globs(globs):
                yield Source(split, name, f"{data.name}/{name}")
        else:
            match = matched_folders if data.format == "image-folder" else matched_files
            for path, shown in match(split, globs, base):
                yield Source(split, str(path), shown)


def pictures_of(data: DataConfig, columns: "Sequence[Column]", base: Path) -> "Pictures | None":
    """What puts pictures into rows; None, and no TensorFlow, where there are none."""
    if data.images is None:
        return None
    from components.transforms.pictures import Pictures

    places = tuple(place for place, column in enumerate(columns) if column.role == "image")
    return Pictures(data.images, places, folder=data.format == "image-folder", root=_root(data, base))


def _root(data: DataConfig, base: Path) -> str | None:
    if data.images is None or data.images.root is None:
        return None
    root = base / data.images.root
    if not root.is_dir():
        raise ConfigError(f"`data.images.root` must be a folder. Received: {data.images.root!r}, looked for in {base}")
    return str(root)


def named_pictures(data: DataConfig, base: Path) -> list[FileGroup]:
    """The pictures whose paths stand in rows, by the folder that the paths start from, each once."""
    from components.transforms.readers import make_reader

    reader, root = make_reader(data, base), _root(data, base)
    named: dict[str, dict[str, None]] = {}
    columns = list(dict.fromkeys(data.features.values()))
    for source in sources_of(data, base):
        if not set(columns) <= set(reader.probe(source)):
            continue  # which is said when the rows are read
        names = named.setdefault(root or str(Path(source.path).parent), {})
        for part in reader.parts(source):
            for row in reader.rows(source, part, columns):
                given = map(_text, row.values)
                names.update((name, None) for name in given if may_be_path(name))
    return [FileGroup(Path(folder), tuple(names)) for folder, names in named.items()]


def _text(value: object) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def bytes_of(inputs: Sequence[Path | FileGroup]) -> int:
    """Bytes of all files; what is not there has none."""
    total = 0
    for given in inputs:
        paths = [given.folder / name for name in given.names] if isinstance(given, FileGroup) else [given]
        for path in paths:
            with suppress(OSError, ValueError):
                total += path.stat().st_size
    return total
