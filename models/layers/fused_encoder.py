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

    In training, what stands between two products of matrices is one kernel each, which computes in float32, and
    queries, keys and values are one product. In inference it is the parent, which is what it is exported as. Weights,
    their names and their order are the parent's, and so are the seeds, of which random numbers are made otherwise
    (`models/layers/random_bits.py`); for the rest, what comes out differs by rounding.

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
        if not training or padding_mask is None or attention_mask is not None or return_attention_scores:
            return super().call(inputs, padding_mask, attention_mask, training, return_attention_scores)
        rows = tf.reshape(inputs, (-1, inputs.shape[-1]))
        attended = self._attention(rows, tf.shape(inputs), tf.cast(padding_mask, tf.bool))
        output = self._self_attention_layer.output_dense
        rows = self._added(
            rows,
            tf.matmul(attended, tf.reshape(output.kernel, (-1, rows.shape[-1]))),
            output.bias,
            self._self_attention_dropout,
            self._self_attention_layer_norm,
        )
        widen, narrow = self._feedforward_intermediate_dense, self._feedforward_output_dense
        inner = biased_gelu(tf.matmul(rows, widen.kernel), tf.convert_to_tensor(widen.bias))
        rows = self._added(
            rows,
            tf.matmul(inner, narrow.kernel),
            narrow.bias,
            self._feedforward_dropout,
            self._feedforward_layer_norm,
        )
        return tf.reshape(rows, tf.shape(inputs))

    def _attention(self, rows: tf.Tensor, shape: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """What the heads look at, `(batch_size * length, width)`."""
        layer = self._self_attention_layer
        projections = (layer.query_dense, layer.key_dense, layer.value_dense)
        kernel = tf.concat([tf.reshape(dense.kernel, (rows.shape[-1], -1)) for dense in projections], axis=1)
        bias = tf.concat([tf.reshape(dense.bias, (-1,)) for dense in projections], axis=0)
        projected = tf.reshape(tf.matmul(rows, kernel) + bias, (shape[0], shape[1], 3, layer.num_heads, layer.key_dim))
        queries, keys, values = tf.unstack(tf.transpose(projected, (2, 0, 3, 1, 4)))
        dropout = layer._dropout_layer
        weights = attention_weights(
            tf.matmul(queries, keys, transpose_b=True),
            mask,
            seed=_seed(dropout),
            scale=layer.key_dim**-0.5,
            rate=dropout.rate,
        )
        return tf.reshape(tf.transpose(tf.matmul(weights, values), (0, 2, 1, 3)), tf.shape(rows))

    @staticmethod
    def _added(
        rows: tf.Tensor,
        change: tf.Tensor,
        bias: keras.Variable,
        dropout: keras.layers.Dropout,
        norm: keras.layers.LayerNormalization,
    ) -> tf.Tensor:
        return added_and_normalized(
            rows,
            change,
            bias,
            norm.gamma,
            norm.beta,
            seed=_seed(dropout),
            rate=dropout.rate,
            epsilon=norm.epsilon,
        )


def _seed(dropout: keras.layers.Dropout) -> tf.Tensor:
    """The layer's next seed; any where nothing is dropped."""
    return dropout.seed_generator.next() if dropout.rate else tf.zeros((2,), tf.int64)
