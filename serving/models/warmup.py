"""Warm-up requests that travel with a model: `assets.extra/tf_serving_warmup_requests`, PredictionLog in TFRecords.

https://www.tensorflow.org/tfx/serving/saved_model_warmup
"""

from pathlib import Path
from typing import Any, Final

from serving.errors import Code, ServingError
from serving.examples import serialized_examples
from serving.interface import Servable
from serving.tensors import to_array

FILE: Final = Path("assets.extra") / "tf_serving_warmup_requests"
_MAX_RECORDS: Final = 1000
_DEFAULT: Final = "serving_default"


def warm_up(servable: Servable, folder: Path) -> int:
    """Sends a model its own requests; returns how many.

    Raises:
        ServingError: FAILED_PRECONDITION, the file is broken or has more than 1,000 requests; or what a request fails
            with: a model that cannot answer its own samples is not served.
    """
    path = folder / FILE
    if not path.is_file():
        return 0
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    count = 0
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            if count == _MAX_RECORDS:
                raise _broken(path, f"more than {_MAX_RECORDS} requests")
            _send(servable, prediction_log_pb2.PredictionLog.FromString(record))
            count += 1
    except (tf.errors.OpError, ValueError) as error:
        raise _broken(path, str(error).splitlines()[0]) from error
    return count


def _send(servable: Servable, log: Any) -> None:
    kind = log.WhichOneof("log_type")
    if kind == "predict_log":
        request = log.predict_log.request
        inputs = {alias: to_array(proto) for alias, proto in request.inputs.items()}
        servable.predict(request.model_spec.signature_name or _DEFAULT, inputs, request.output_filter)
    elif kind == "classify_log":
        _classify(servable, log.classify_log.request.model_spec, log.classify_log.request.input)
    elif kind == "regress_log":
        _regress(servable, log.regress_log.request.model_spec, log.regress_log.request.input)
    elif kind == "multi_inference_log":
        request = log.multi_inference_log.request
        for task in request.tasks:
            send = _classify if task.method_name.endswith("/classify") else _regress
            send(servable, task.model_spec, request.input)


def _classify(servable: Servable, spec: Any, given: Any) -> None:
    servable.classify(spec.signature_name or _DEFAULT, serialized_examples(given))


def _regress(servable: Servable, spec: Any, given: Any) -> None:
    servable.regress(spec.signature_name or _DEFAULT, serialized_examples(given))


def _broken(path: Path, why: str) -> ServingError:
    return ServingError(Code.FAILED_PRECONDITION, f"Warm-up requests must be PredictionLog TFRecords: {path}: {why}")
