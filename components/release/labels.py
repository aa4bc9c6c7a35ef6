"""`models.config`: a ModelServerConfig that tells model servers which versions to load, and which labels they have.

It holds an entry for each model that is pushed to its folder, and is written anew from a model's record, as a whole, by
one rename; servers read it with `--model_config_file` and `--model_config_file_poll_wait_seconds`. Entries of other
models, and what people added to their own, stay.
"""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from schemas.config import PushConfig
from schemas.files import write_atomically
from schemas.release_record import ReleaseRecord

if TYPE_CHECKING:
    from serving.config_files import ModelServerConfig as Config

CONFIG: Final = "models.config"
_PLATFORM: Final = "tensorflow"
_LATEST: Final = 1


def write_labels(base: Path, push: PushConfig, name: str, record: ReleaseRecord, *, load: Collection[int] = ()) -> bool:
    """Has the file say what a model's record says; whether it had said something else.

    Args:
        base: the folder that `push.directory` starts from.
        push: the pipeline's section.
        name: the model's.
        record: its record.
        load: further versions to load, without a label.

    Raises:
        ConfigError: the file that is there cannot be read.
    """
    from google.protobuf import text_format

    from components.versions import turn

    directory = base / push.directory
    path = directory / CONFIG
    with turn(directory):
        config = _read(path)
        before = config.SerializeToString(deterministic=True)
        _fill(_entry(config, name), Path(push.server_directory or directory.resolve()) / name, record, load)
        if path.is_file() and config.SerializeToString(deterministic=True) == before:
            return False
        write_atomically(text_format.MessageToString(config).encode(), path)
        return True


def _read(path: Path) -> "Config":
    from serving.config_files import ModelServerConfig, read

    return read(path, ModelServerConfig, CONFIG) if path.exists() else ModelServerConfig()


def _entry(config: "Config", name: str) -> Any:
    entries = config.model_config_list.config
    found = next((entry for entry in entries if entry.name == name), None)
    return entries.add(name=name, model_platform=_PLATFORM) if found is None else found


def _fill(entry: Any, folder: Path, record: ReleaseRecord, load: Collection[int]) -> None:
    entry.base_path = str(folder)
    entry.ClearField("version_labels")
    entry.ClearField("model_version_policy")
    if record.stable is None:
        entry.model_version_policy.latest.num_versions = _LATEST
        return
    entry.model_version_policy.specific.versions.extend(sorted({*record.live(()), *load}))
    for label, version in record.labels.items():
        entry.version_labels[label] = version
