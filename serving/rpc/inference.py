"""PredictionService's Classify, Regress and MultiInference: classes and values of serialized examples.

Codes and conditions are those of TF Serving's servables/tensorflow/{classifier,regressor,multi_inference}.cc.
"""

from collections.abc import Iterable
from typing import Any, Final

from serving.calls import Call
from serving.errors import Code, ServingError
from serving.examples import serialized_examples
from serving.interface import Array, Classes, Models, Servable
from serving.protos import classification_pb2, inference_pb2, model_pb2, regression_pb2
from serving.rpc.calls import Method
from serving.rpc.specs import acquired, describe, signature_of, spec_of
from serving.turns import step_aside

_CLASSIFY: Final = "tensorflow/serving/classify"
_REGRESS: Final = "tensorflow/serving/regress"


class Inference:
    """Answers for examples from the models that are served."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def methods(self) -> tuple[Method, ...]:
        """What the service offers."""
        return (
            Method("Classify", "predict", classification_pb2.ClassificationRequest, self.classify),
            Method("Regress", "predict", regression_pb2.RegressionRequest, self.regress),
            Method("MultiInference", "predict", inference_pb2.MultiInferenceRequest, self.multi_inference),
        )

    def classify(self, request: Any, call: Call) -> Any:
        """Classes of every example."""
        spec = spec_of(request)
        signature = signature_of(spec)
        response = classification_pb2.ClassificationResponse()
        with acquired(self._models, spec, call) as servable:
            step_aside()
            classes = servable.classify(signature, serialized_examples(request.input))
            describe(response.model_spec, servable, call, signature)
        _write_classes(response.result, classes)
        return response

    def regress(self, request: Any, call: Call) -> Any:
        """A value for every example."""
        spec = spec_of(request)
        signature = signature_of(spec)
        response = regression_pb2.RegressionResponse()
        with acquired(self._models, spec, call) as servable:
            step_aside()
            values = servable.regress(signature, serialized_examples(request.input))
            describe(response.model_spec, servable, call, signature)
        _write_values(response.result, values)
        return response

    def multi_inference(self, request: Any, call: Call) -> Any:
        """Several classifications and regressions of the same examples, by one model."""
        spec = request.tasks[0].model_spec if request.tasks else model_pb2.ModelSpec()
        response = inference_pb2.MultiInferenceResponse()
        with acquired(self._models, spec, call) as servable:
            _check_tasks(request.tasks, servable)
            examples = serialized_examples(request.input)
            step_aside()
            for task in request.tasks:
                signature, result = signature_of(task.model_spec), response.results.add()
                if task.method_name == _CLASSIFY:
                    _write_classes(result.classification_result, servable.classify(signature, examples))
                else:
                    _write_values(result.regression_result, servable.regress(signature, examples))
                describe(result.model_spec, servable, call, signature)
        return response


def _check_tasks(tasks: Iterable[Any], servable: Servable) -> None:
    """Refuses tasks for another model, twice the same, of an unknown signature or method."""
    seen = set[str]()
    for task in tasks:
        name, signature = task.model_spec.name, signature_of(task.model_spec)
        if not name:
            raise ServingError(Code.INVALID_ARGUMENT, "Found ModelSpec with an empty model name.")
        if name != servable.name:
            raise ServingError(
                Code.INVALID_ARGUMENT, "All ModelSpecs in a MultiInferenceRequest must access the same model name."
            )
        if signature in seen:
            raise ServingError(Code.INVALID_ARGUMENT, f"Duplicate evaluation of signature: {signature}")
        seen.add(signature)
        if signature not in servable.meta_graph.signature_def:
            raise ServingError(Code.INVALID_ARGUMENT, f"Requested signature not found in model graph: {signature}")
        if task.method_name not in (_CLASSIFY, _REGRESS):
            raise ServingError(Code.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}")


def _write_classes(result: Any, classes: Classes) -> None:
    labels = None if classes.labels is None else classes.labels.tolist()
    scores = None if classes.scores is None else classes.scores.tolist()
    for row in range(len(labels if labels is not None else scores or ())):
        written = result.classifications.add()
        if labels is not None and scores is not None:
            for label, score in zip(labels[row], scores[row], strict=True):
                written.classes.add(label=_text(label), score=score)
        elif labels is not None:
            for label in labels[row]:
                written.classes.add(label=_text(label))
        elif scores is not None:
            for score in scores[row]:
                written.classes.add(score=score)


def _text(label: bytes) -> str:
    """A label as a message can hold it; what is not UTF-8 is replaced."""
    return label.decode("utf-8", "replace")


def _write_values(result: Any, values: Array) -> None:
    for value in values.tolist():
        result.regressions.add(value=value)
