"""TensorFlow Serving's messages and services, without TensorFlow.

The modules of `tensorflow-serving-api` import a few generated modules from below `tensorflow/core`, and so, by the way,
`tensorflow/__init__.py`: two seconds and some 400 MB that a client has no use for, and a server only once it loads a
model. The packages between are empty files. While the messages are imported, empty modules stand in for them, and
TensorFlow can be imported as ever before and after; both then have the very same message classes.

Where TensorFlow is there already, this is an import and nothing else. No other thread may import TensorFlow for the
first time during it, so a program imports this module first, from its main thread.
"""

import importlib
import importlib.util
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

_PACKAGES: Final = ("tensorflow", *(f"tensorflow.core{name}" for name in ("", ".framework", ".protobuf", ".example")))


@contextmanager
def _without_tensorflow() -> Iterator[None]:
    found = None if "tensorflow" in sys.modules else importlib.util.find_spec("tensorflow")
    if found is None or not found.submodule_search_locations:
        yield
        return
    above = Path(found.submodule_search_locations[0]).parent
    for name in _PACKAGES:
        package = types.ModuleType(name)
        package.__path__ = [str(above.joinpath(*name.split(".")))]
        sys.modules[name] = package
    try:
        yield
    finally:
        for name in _PACKAGES:
            sys.modules.pop(name, None)


def _api(name: str) -> Any:
    return importlib.import_module(f"tensorflow_serving.{name}")


with _without_tensorflow():
    classification_pb2 = _api("apis.classification_pb2")
    get_model_metadata_pb2 = _api("apis.get_model_metadata_pb2")
    get_model_status_pb2 = _api("apis.get_model_status_pb2")
    inference_pb2 = _api("apis.inference_pb2")
    input_pb2 = _api("apis.input_pb2")
    model_management_pb2 = _api("apis.model_management_pb2")
    model_pb2 = _api("apis.model_pb2")
    model_server_config_pb2 = _api("config.model_server_config_pb2")
    model_service_pb2 = _api("apis.model_service_pb2")
    predict_pb2 = _api("apis.predict_pb2")
    prediction_log_pb2 = _api("apis.prediction_log_pb2")
    prediction_service_pb2 = _api("apis.prediction_service_pb2")
    regression_pb2 = _api("apis.regression_pb2")
    example_pb2 = importlib.import_module("tensorflow.core.example.example_pb2")
    saved_model_pb2 = importlib.import_module("tensorflow.core.protobuf.saved_model_pb2")
    tensor_pb2 = importlib.import_module("tensorflow.core.framework.tensor_pb2")
    tensor_shape_pb2 = importlib.import_module("tensorflow.core.framework.tensor_shape_pb2")
    types_pb2 = importlib.import_module("tensorflow.core.framework.types_pb2")
