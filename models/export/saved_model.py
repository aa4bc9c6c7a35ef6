"""Writing a trained model: `Format-Serving/` for servers, `Format-Keras/model.keras` for Keras."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import keras
from tensorflow.core.protobuf import saved_model_pb2

from models.export.serving import ServingModel
from models.saving import save
from models.tasks import TaskHead
from schemas.artifacts import INPUTS, Model
from schemas.config import Modality
from schemas.errors import TrainingError
from schemas.ingestion import FeatureType

if TYPE_CHECKING:
    from models.family import Preprocess

METHOD_NAMES: Final = {
    "classify": "tensorflow/serving/classify",
    "regress": "tensorflow/serving/regress",
}


def export(
    network: keras.Model,
    preprocess: "Preprocess",
    *,
    task: TaskHead,
    features: Mapping[str, str],
    columns: Mapping[str, FeatureType],
    model: Model,
    modality: Modality = "text",
    keras_network: keras.Model | None = None,
) -> None:
    """Writes a model artifact.

    Args:
        network: from model inputs to logits; trained, in float32, free of any strategy.
        preprocess: from raw features to model inputs: the family's, from the same facts that Transform used.
        task: makes answers of logits.
        features: model input to column.
        columns: type of each column.
        model: the artifact, whose folder exists.
        modality: what the features are.
        keras_network: what Keras' own format holds; the network unless given.

    Raises:
        TrainingError: Keras cannot save the network.
    """
    with tempfile.TemporaryDirectory() as folder:
        assets = [*_write_labels(Path(folder), task), _write_inputs(Path(folder), features, modality)]
        serving = ServingModel(network, preprocess, task=task, features=features, columns=columns, assets=assets)
        # What `explain` needs of gradients is in its graph; those of the rest would be of use to nobody who only asks.
        save(serving, model.serving, signatures=serving.signatures(), experimental_custom_gradients=False)
    name_methods(model.serving)
    _save_keras(network if keras_network is None else keras_network, model.keras)


def name_methods(folder: Path) -> None:
    """Gives `classify` and `regress` the method names that TensorFlow Serving insists on.

    tf.saved_model.save calls every method `tensorflow/serving/predict`; see
    tensorflow_serving/servables/tensorflow/classifier.cc.
    """
    path = folder / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for graph in saved.meta_graphs:
        for name, method in METHOD_NAMES.items():
            if name in graph.signature_def:
                graph.signature_def[name].method_name = method
    path.write_bytes(saved.SerializeToString(deterministic=True))


def _write_labels(folder: Path, task: TaskHead) -> Iterator[Path]:
    if task.classes:
        path = folder / "labels.txt"
        path.write_text("".join(f"{name}\n" for name in task.classes), encoding="utf-8")
        yield path


def _write_inputs(folder: Path, features: Mapping[str, str], modality: Modality) -> Path:
    """`inputs.json`, model input to what it is (`text` or `image`): a client cannot tell from a tensor of strings."""
    path = folder / INPUTS
    path.write_text(json.dumps(dict.fromkeys(sorted(features), modality)) + "\n", encoding="utf-8")
    return path


def _save_keras(network: keras.Model, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        network.save(path)
    except (NotImplementedError, TypeError, ValueError) as error:
        raise TrainingError(
            f"The family's network must be a model that Keras can save as {path.name}; layers of your own need"
            f" `get_config` and `keras.saving.register_keras_serializable`. Keras says: {error}"
        ) from error
