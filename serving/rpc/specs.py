"""tensorflow.serving.ModelSpec: which model a request is for, and which one answered."""

from contextlib import AbstractContextManager
from typing import Any, Final

from serving.calls import Call
from serving.errors import Code, ServingError
from serving.interface import Models, Servable

DEFAULT_SIGNATURE: Final = "serving_default"


def spec_of(request: Any) -> Any:
    """The ModelSpec of a request.

    Raises:
        ServingError: INVALID_ARGUMENT, it has none.
    """
    if not request.HasField("model_spec"):
        raise ServingError(Code.INVALID_ARGUMENT, "Missing ModelSpec")
    return request.model_spec


def signature_of(spec: Any) -> str:
    """The signature that is asked for; `serving_default` where none is named."""
    return spec.signature_name or DEFAULT_SIGNATURE


def acquired(models: Models, spec: Any, call: Call) -> AbstractContextManager[Servable]:
    """The version that a ModelSpec means.

    Raises:
        ServingError: INVALID_ARGUMENT without a name or with an unknown label, NOT_FOUND if it is not served.
    """
    call.model = spec.name
    if not spec.name:
        raise ServingError(Code.INVALID_ARGUMENT, "ModelSpec has no name specified.")
    choice = spec.WhichOneof("version_choice")
    version = spec.version.value if choice == "version" else None
    label = spec.version_label if choice == "version_label" else None
    return models.acquire(spec.name, version, label)


def describe(spec: Any, servable: Servable, call: Call, signature: str | None = None) -> None:
    """Writes down who answered."""
    call.version = servable.version
    spec.name = servable.name
    spec.version.value = servable.version
    if signature is not None:
        spec.signature_name = signature
