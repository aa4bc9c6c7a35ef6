"""KerasHub's encoder layer, with one kernel for all that stands between two matrix products."""

from typing import Any

import keras
import keras_hub
import tensorflow as tf

from models.layers.encoder_kernels import added_and_normalized, attention_weights, biased_gelu


@keras.saving.register_keras_serializable("trainworks")
class FusedEncoder(keras_hub.layers.TransformerEncoder):
    """The encoder layer of BERT (Devlin et al., arXiv:1810.04805), for training on processors.

    With words x of width d, an inner width of m, and the attention's heads as in `SelfAttention`:

        x = LayerNorm(x + dropout(attention(x)))
        y = LayerNorm(x + dropout(GELU(x W_1 + b_1) W_2 + b_2))

    What stands between two products of matrices is one kernel each, which computes in float32, and queries, keys and
    values are one product. XLA's kernels are for training and what watches it: what is exported is the parent with
    these weights. Weights, their names and their order are the parent's, and so are the seeds, of which random numbers
    are made otherwise (`models/layers/random_bits.py`); for the rest, what comes out differs by rounding.

    The activation must be the exact GELU, and norms come last.

    Input shape: words `(batch_size, length, width)`, and a mask `(batch_size, length)`, true where there is a word.
    Output shape: `(batch_size, length, width)`.
    """

    def call(
        self,
        inputs: Any,
        padding_mask: Any = None,
        attention_mask: Any = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
    ) -> Any:
        if padding_mask is None or attention_mask is not None or return_attention_scores:
            return super().call(inputs, padding_mask, attention_mask, training, return_attention_scores)
        rows, learning = tf.reshape(inputs, (-1, inputs.shape[-1])), bool(training)
        looked_at = self._attention(rows, tf.shape(inputs), tf.cast(padding_mask, tf.bool), learning)
        output, norm = self._self_attention_layer.output_dense, self._self_attention_layer_norm
        rows = added_and_normalized(
            rows,
            tf.matmul(looked_at, tf.reshape(output.kernel, (-1, rows.shape[-1]))),
            output.bias,
            norm.gamma,
            norm.beta,
            epsilon=norm.epsilon,
            **_drawn(self._self_attention_dropout, learning),
        )
        widen, narrow, norm = (
            self._feedforward_intermediate_dense,
            self._feedforward_output_dense,
            self._feedforward_layer_norm,
        )
        inner = biased_gelu(tf.matmul(rows, widen.kernel), tf.convert_to_tensor(widen.bias))
        rows = added_and_normalized(
            rows,
            tf.matmul(inner, narrow.kernel),
            narrow.bias,
            norm.gamma,
            norm.beta,
            epsilon=norm.epsilon,
            **_drawn(self._feedforward_dropout, learning),
        )
        return tf.reshape(rows, tf.shape(inputs))

    def _attention(self, rows: tf.Tensor, shape: tf.Tensor, mask: tf.Tensor, learning: bool) -> tf.Tensor:
        """What the heads look at, `(batch_size * length, width)`."""
        layer = self._self_attention_layer
        projections = (layer.query_dense, layer.key_dense, layer.value_dense)
        kernel = tf.concat([tf.reshape(dense.kernel, (rows.shape[-1], -1)) for dense in projections], axis=1)
        bias = tf.concat([tf.reshape(dense.bias, (-1,)) for dense in projections], axis=0)
        projected = tf.reshape(tf.matmul(rows, kernel) + bias, (shape[0], shape[1], 3, layer.num_heads, layer.key_dim))
        queries, keys, values = tf.unstack(tf.transpose(projected, (2, 0, 3, 1, 4)))
        weights = attention_weights(
            tf.matmul(queries, keys, transpose_b=True),
            mask,
            scale=layer.key_dim**-0.5,
            **_drawn(layer._dropout_layer, learning),
        )
        return tf.reshape(tf.transpose(tf.matmul(weights, values), (0, 2, 1, 3)), tf.shape(rows))


def _drawn(dropout: keras.layers.Dropout, learning: bool) -> dict[str, tf.Tensor]:
    """Rate and seed of the layer's next use."""
    if learning and dropout.rate:
        return {"rate": tf.constant(dropout.rate), "seed": tf.cast(dropout.seed_generator.next(), tf.int64)}
    return {"rate": tf.constant(0.0), "seed": tf.zeros((2,), tf.int64)}
