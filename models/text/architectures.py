"""Encoders as Hugging Face stores them: the tensors of each kind, their shapes, and what KerasHub calls them."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

Shapes = dict[str, tuple[int, ...]]
"""Shapes of tensors by their names."""


def _bert(config: Mapping[str, int]) -> Shapes:
    vocabulary, width, inner = config["vocab_size"], config["hidden_size"], config["intermediate_size"]
    shapes: Shapes = {
        "embeddings.word_embeddings.weight": (vocabulary, width),
        "embeddings.position_embeddings.weight": (config["max_position_embeddings"], width),
        "embeddings.token_type_embeddings.weight": (2, width),
        **_vectors("embeddings.LayerNorm", width),
    }
    for layer in range(config["num_hidden_layers"]):
        prefix = f"encoder.layer.{layer}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            shapes |= _kernel(f"{prefix}.attention.{part}", width, width)
        shapes |= _vectors(f"{prefix}.attention.output.LayerNorm", width)
        shapes |= _kernel(f"{prefix}.intermediate.dense", inner, width) | _kernel(
            f"{prefix}.output.dense", width, inner
        )
        shapes |= _vectors(f"{prefix}.output.LayerNorm", width)
    return shapes


def _distilbert(config: Mapping[str, int]) -> Shapes:
    width, inner = config["dim"], config["hidden_dim"]
    shapes: Shapes = {
        "embeddings.word_embeddings.weight": (config["vocab_size"], width),
        "embeddings.position_embeddings.weight": (config["max_position_embeddings"], width),
        **_vectors("embeddings.LayerNorm", width),
    }
    for layer in range(config["n_layers"]):
        prefix = f"transformer.layer.{layer}"
        for part in ("q_lin", "k_lin", "v_lin", "out_lin"):
            shapes |= _kernel(f"{prefix}.attention.{part}", width, width)
        shapes |= _vectors(f"{prefix}.sa_layer_norm", width) | _vectors(f"{prefix}.output_layer_norm", width)
        shapes |= _kernel(f"{prefix}.ffn.lin1", inner, width) | _kernel(f"{prefix}.ffn.lin2", width, inner)
    return shapes


def _kernel(name: str, outputs: int, inputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _vectors(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


@dataclass(frozen=True)
class Architecture:
    """A kind of encoder.

    Attributes:
        sizes: numbers that its config.json must hold.
        width: the one of these that is the width of its layers.
        shapes: from these to the tensors that there must be.
        layers: paths of KerasHub's layers to names of Hugging Face's; `{}` is a layer's number.
    """

    sizes: Sequence[str]
    width: str
    shapes: Callable[[Mapping[str, int]], Shapes]
    layers: Mapping[str, str]


_BLOCK: Final = "transformer_layer_{}/"

ARCHITECTURES: Final[Mapping[str, Architecture]] = {
    "bert": Architecture(
        (
            "vocab_size",
            "hidden_size",
            "intermediate_size",
            "num_hidden_layers",
            "num_attention_heads",
            "max_position_embeddings",
        ),
        "hidden_size",
        _bert,
        {
            "token_embedding": "embeddings.word_embeddings",
            "position_embedding": "embeddings.position_embeddings",
            "segment_embedding": "embeddings.token_type_embeddings",
            "embeddings_layer_norm": "embeddings.LayerNorm",
            f"{_BLOCK}self_attention_layer/query": "encoder.layer.{}.attention.self.query",
            f"{_BLOCK}self_attention_layer/key": "encoder.layer.{}.attention.self.key",
            f"{_BLOCK}self_attention_layer/value": "encoder.layer.{}.attention.self.value",
            f"{_BLOCK}self_attention_layer/attention_output": "encoder.layer.{}.attention.output.dense",
            f"{_BLOCK}self_attention_layer_norm": "encoder.layer.{}.attention.output.LayerNorm",
            f"{_BLOCK}feedforward_intermediate_dense": "encoder.layer.{}.intermediate.dense",
            f"{_BLOCK}feedforward_output_dense": "encoder.layer.{}.output.dense",
            f"{_BLOCK}feedforward_layer_norm": "encoder.layer.{}.output.LayerNorm",
        },
    ),
    "distilbert": Architecture(
        ("vocab_size", "dim", "hidden_dim", "n_layers", "n_heads", "max_position_embeddings"),
        "dim",
        _distilbert,
        {
            "token_and_position_embedding/token_embedding": "embeddings.word_embeddings",
            "token_and_position_embedding/position_embedding": "embeddings.position_embeddings",
            "embeddings_layer_norm": "embeddings.LayerNorm",
            f"{_BLOCK}self_attention_layer/query": "transformer.layer.{}.attention.q_lin",
            f"{_BLOCK}self_attention_layer/key": "transformer.layer.{}.attention.k_lin",
            f"{_BLOCK}self_attention_layer/value": "transformer.layer.{}.attention.v_lin",
            f"{_BLOCK}self_attention_layer/attention_output": "transformer.layer.{}.attention.out_lin",
            f"{_BLOCK}self_attention_layer_norm": "transformer.layer.{}.sa_layer_norm",
            f"{_BLOCK}feedforward_intermediate_dense": "transformer.layer.{}.ffn.lin1",
            f"{_BLOCK}feedforward_output_dense": "transformer.layer.{}.ffn.lin2",
            f"{_BLOCK}feedforward_layer_norm": "transformer.layer.{}.output_layer_norm",
        },
    ),
}
"""Architectures with WordPiece vocabularies, by Hugging Face's `model_type`."""


def stored_name(path: str, architecture: Architecture) -> str:
    """Hugging Face's name for a variable of KerasHub's.

    Args:
        path: the variable's, such as `transformer_layer_0/self_attention_layer/query/kernel`.
        architecture: of the encoder that it belongs to.
    """
    layer, _, variable = path.rpartition("/")
    number = re.match(r"transformer_layer_(\d+)", layer)
    pattern = layer if number is None else layer.replace(number[0], "transformer_layer_{}", 1)
    kind = "bias" if variable in ("bias", "beta") else "weight"
    return f"{architecture.layers[pattern].format(number and number[1])}.{kind}"
