"""An encoder of KerasHub's as a folder of Hugging Face's, for `models/text/hugging_face.py` and other software."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.text.architectures import ARCHITECTURES, stored_name
from models.text.hugging_face import WEIGHTS
from schemas.files import write_atomically

if TYPE_CHECKING:
    import keras

_OF_ALL: Final = {"pad_token_id": 0, "initializer_range": 0.02}
_OF: Final[dict[str, dict[str, Any]]] = {
    "bert": {
        "architectures": ["BertModel"],
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-12,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
    },
    "distilbert": {"architectures": ["DistilBertModel"], "dropout": 0.1, "attention_dropout": 0.1},
}
"""What its config.json says beside sizes and the activation."""


def save_encoder(backbone: "keras.Model", vocabulary: Sequence[str], folder: Path, *, lower_case: bool) -> None:
    """Writes config.json, vocab.txt, tokenizer_config.json and model.safetensors.

    Args:
        backbone: what `models.text.checkpoints.encoder` made, of a BERT or a DistilBERT.
        vocabulary: its pieces in the order of their ids.
        folder: where to; it exists.
        lower_case: whether texts are lower-cased for it.
    """
    model_type = "bert" if any(layer.name == "segment_embedding" for layer in backbone.layers) else "distilbert"
    config = {"model_type": model_type, **_OF[model_type], **_OF_ALL, **_sizes(backbone, model_type)}
    tokenizer = {
        "do_lower_case": lower_case,
        "tokenizer_class": "BertTokenizer",
        "model_max_length": _longest(backbone),
    }
    _write_json(config, folder / "config.json")
    _write_json(tokenizer, folder / "tokenizer_config.json")
    write_atomically("".join(f"{piece}\n" for piece in vocabulary).encode(), folder / "vocab.txt")
    _save_tensors(backbone, model_type, folder / WEIGHTS)


def _sizes(backbone: "keras.Model", model_type: str) -> dict[str, Any]:
    """The numbers of an architecture's config.json, and the activation of its inner layers."""
    shapes = {variable.path: tuple(variable.shape) for variable in backbone.weights}
    pieces, width = _shape(shapes, "token_embedding/embeddings")
    inner = _shape(shapes, "feedforward_intermediate_dense/bias")[0]
    heads = _shape(shapes, "self_attention_layer/query/bias")[0]
    layers = sum(path.endswith("feedforward_intermediate_dense/bias") for path in shapes)
    numbers = (pieces, width, inner, layers, heads, _longest(backbone))
    activation = "hidden_act" if model_type == "bert" else "activation"
    return {**dict(zip(ARCHITECTURES[model_type].sizes, numbers, strict=True)), activation: _activation(backbone)}


def _longest(backbone: "keras.Model") -> int:
    """Positions that it knows."""
    return _shape({v.path: tuple(v.shape) for v in backbone.weights}, "position_embedding/embeddings")[0]


def _shape(shapes: dict[str, tuple[int, ...]], end: str) -> tuple[int, ...]:
    return next(shape for path, shape in shapes.items() if path.endswith(end))


def _activation(backbone: "keras.Model") -> str:
    """Hugging Face's name; KerasHub's own GELU is the one by the hyperbolic tangent."""
    layer = next(layer for layer in backbone.layers if layer.name == "transformer_layer_0")
    name = layer.get_config()["activation"]
    return name if name in ("gelu", "relu") else "gelu_new"


def _save_tensors(backbone: "keras.Model", model_type: str, path: Path) -> None:
    """Kernels as `(outputs, inputs)`, the channels of all heads in one row."""
    from safetensors.numpy import save

    architecture, tensors = ARCHITECTURES[model_type], {}
    expected = architecture.shapes({name: n for name, n in _sizes(backbone, model_type).items() if isinstance(n, int)})
    for variable in backbone.weights:
        name = stored_name(variable.path, architecture)
        value = np.asarray(variable.numpy(), np.float32)
        turned = value.reshape(expected[name][::-1]).T if variable.name == "kernel" else value.reshape(expected[name])
        tensors[name] = np.ascontiguousarray(turned)
    write_atomically(save(tensors, metadata={"format": "pt"}), path)


def _write_json(content: dict[str, Any], path: Path) -> None:
    write_atomically(json.dumps(content, indent=2, sort_keys=True).encode() + b"\n", path)
