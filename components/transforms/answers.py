"""What a PredictionLog says of single rows: what was asked, by the columns of the data, and what was answered."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from components.transforms.readers.prediction_log_files import columns_of
from components.transforms.readers.tfrecord_files import feature_value
from schemas.config import Task

_EXAMPLES: Final = ("serve_examples", "examples")
_THRESHOLD: Final = 0.5
_SEPARATOR: Final = b"|"


@dataclass(frozen=True)
class Answer:
    """One row.

    Args:
        asked: column to value, bytes or a number; several values are a list.
        label: what was predicted; several labels are joined by `|`, in the order of their bytes. None for a number.
        score: of the predicted label, or of the likeliest one; or the predicted number.
    """

    asked: Mapping[str, object]
    label: bytes | None
    score: float | None


@dataclass
class Answers:
    """How a model's answers are read.

    Args:
        task: what the model predicts.
        served: the folder of its versions.
        features: model input to column.
    """

    task: Task
    served: Path
    features: Mapping[str, str]
    _classes: dict[int, Sequence[bytes]] = field(default_factory=dict)

    def classes(self, version: int) -> Sequence[bytes]:
        """The labels of a version, in the order of the scores; none where it is gone."""
        if version not in self._classes:
            path = self.served / str(version) / "assets" / "labels.txt"
            self._classes[version] = path.read_bytes().splitlines() if path.is_file() else ()
        return self._classes[version]


def answers_of(log: Any, answers: Answers) -> list[Answer] | None:  # protobuf's generated classes have no types here
    """The rows of a log; None where a request brings other inputs, or its answer is no prediction.

    Raises:
        ValueError: request and answer do not fit together.
    """
    kind = log.WhichOneof("log_type")
    version = log.log_metadata.model_spec.version.value
    if kind == "predict_log":
        asked, predicted = _asked(log.predict_log.request, answers), _predicted(log.predict_log, version, answers)
    elif kind == "classify_log":
        asked = _of_examples(log.classify_log.request.input.example_list.examples)
        predicted = [_best(one.classes, answers.task) for one in log.classify_log.response.result.classifications]
    elif kind == "regress_log":
        asked = _of_examples(log.regress_log.request.input.example_list.examples)
        predicted = [(None, float(one.value)) for one in log.regress_log.response.result.regressions]
    else:
        return None
    if asked is None or predicted is None:
        return None
    return [Answer(row, *answer) for row, answer in zip(asked, predicted, strict=True)]


def _asked(request: Any, answers: Answers) -> list[dict[str, object]] | None:
    from serving.protos import example_pb2

    columns = columns_of(request.inputs)
    if answers.features.keys() <= columns.keys():
        named = {column: columns[name] for name, column in answers.features.items()}
        return [dict(zip(named, row, strict=True)) for row in zip(*named.values(), strict=True)]
    signature, examples = _EXAMPLES
    if request.model_spec.signature_name == signature and examples in columns:
        return _of_examples(example_pb2.Example.FromString(content) for content in columns[examples])
    return None


def _of_examples(examples: Any) -> list[dict[str, object]]:
    return [{name: feature_value(value) for name, value in one.features.feature.items()} for one in examples]


Predicted = tuple[bytes | None, float | None]


def _predicted(log: Any, version: int, answers: Answers) -> list[Predicted] | None:
    outputs: dict[str, list[Any]] = columns_of(log.response.outputs)
    if answers.task == "regression":
        return [(None, float(value)) for value in outputs["prediction"]] if "prediction" in outputs else None
    if answers.task == "multi-label":
        return list(_label_sets(outputs.get("scores", ()), answers.classes(version))) if "scores" in outputs else None
    if "label" not in outputs:
        return None
    scores = outputs.get("score", [None] * len(outputs["label"]))
    return [(label, score) for label, score in zip(outputs["label"], scores, strict=True)]


def _label_sets(scores: Sequence[Any], classes: Sequence[bytes]) -> Iterator[Predicted]:
    for row in scores:
        values = np.atleast_1d(np.asarray(row, np.float64))
        known = len(values) == len(classes)
        labels = [classes[place] for place in np.flatnonzero(values > _THRESHOLD).tolist()] if known else None
        yield None if labels is None else _SEPARATOR.join(sorted(labels)), float(values.max())


def _best(classes: Any, task: Task) -> Predicted:
    found = [(one.label.encode(), float(one.score)) for one in classes]
    best = max(found, key=lambda one: one[1], default=(None, None))
    if task == "multi-label":
        return _SEPARATOR.join(sorted(label for label, score in found if score > _THRESHOLD)), best[1]
    return best
