"""Which versions of a model are to be served: TF Serving's ServableVersionPolicy."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from serving.errors import Code, ServingError

_PLATFORM: Final = "tensorflow"


@dataclass(frozen=True)
class ModelPolicy:
    """What a ModelServerConfig says of a model.

    Args:
        name: the model's.
        base_path: the folder of its versions.
        latest: serve so many of the newest versions; 0 for another rule.
        specific: serve these; with neither, all are served.
        labels: label to version.
    """

    name: str
    base_path: Path
    latest: int = 1
    specific: tuple[int, ...] = ()
    labels: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def chosen(self, versions: Collection[int]) -> tuple[int, ...]:
        """Those of the versions on disk that are to be served, newest first."""
        newest = sorted(versions, reverse=True)
        if self.specific:
            return tuple(version for version in newest if version in self.specific)
        return tuple(newest[: self.latest] if self.latest else newest)


def policies_of(config: Any) -> dict[str, ModelPolicy]:
    """The models of a ModelServerConfig, checked.

    Raises:
        ServingError: INVALID_ARGUMENT, something is missing, twice there, or cannot be.
    """
    kind = config.WhichOneof("config")
    if kind == "custom_model_config":
        raise _wrong("`config` must be a `model_config_list`. Received: custom_model_config")
    policies = dict[str, ModelPolicy]()
    for model in config.model_config_list.config:
        if not model.name:
            raise _wrong("`name` must be there in every model's `config`.")
        if model.name in policies:
            raise _wrong(f"Illegal to list model {model.name} multiple times in config list")
        policies[model.name] = _policy_of(model)
    return policies


def _policy_of(model: Any) -> ModelPolicy:
    if model.model_platform not in ("", _PLATFORM):
        raise _wrong(f"`model_platform` of {model.name} must be `{_PLATFORM}`. Received: {model.model_platform}")
    path = Path(model.base_path)
    if not model.base_path or not path.is_absolute() or "\0" in model.base_path:
        raise _wrong(f"Expected model {model.name} to have an absolute path or URI; got base_path()={model.base_path}")
    for label, version in model.version_labels.items():
        if not label or version < 0:
            raise _wrong(f"`version_labels` of {model.name} must be words for versions. Received: {label!r}: {version}")
    choice, latest, specific = model.model_version_policy.WhichOneof("policy_choice"), 1, ()
    if choice == "latest":
        latest = model.model_version_policy.latest.num_versions or 1
    elif choice == "all":
        latest = 0
    elif choice == "specific":
        latest, specific = 0, tuple(model.model_version_policy.specific.versions)
        if not specific:
            raise _wrong(f"`specific` of {model.name} must have `versions`.")
    return ModelPolicy(model.name, path, latest, specific, MappingProxyType(dict(model.version_labels)))


def _wrong(message: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, message)
