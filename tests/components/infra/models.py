"""Small SavedModels that behave, or do not: a score for each text, its length by ten."""

from collections.abc import Callable
from pathlib import Path
from typing import Any


def export(folder: Path, score: Callable[[Any], Any]) -> Path:
    """Writes a SavedModel that answers `serving_default` and `serve_examples`.

    Args:
        folder: where to.
        score: texts `(batch_size,)` to scores, float32 `(batch_size,)`.
    """
    import tensorflow as tf

    class Scorer(tf.Module):
        @tf.function(autograph=False, input_signature=[tf.TensorSpec((None,), tf.string, "text")])
        def serve(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"score": score(text)}

        @tf.function(autograph=False, input_signature=[tf.TensorSpec((None,), tf.string, "examples")])
        def serve_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
            parsed = tf.io.parse_example(examples, {"text": tf.io.FixedLenFeature((), tf.string, "")})
            return {"score": length(parsed["text"])}

    model = Scorer()
    signatures = {"serving_default": model.serve, "serve_examples": model.serve_examples}
    tf.saved_model.save(model, str(folder), signatures=signatures)
    return folder


def length(text: Any) -> Any:
    """The right answer."""
    import tensorflow as tf

    return tf.cast(tf.strings.length(text), tf.float32) / 10


def off(text: Any) -> Any:
    """An answer that the Evaluator did not get."""
    return length(text) + 0.001


def nothing(text: Any) -> Any:
    """An answer that is no number."""
    return length(text) * float("nan")


def hanging(text: Any) -> Any:
    """An answer that never comes."""
    import tensorflow as tf

    return tf.while_loop(lambda x: tf.reduce_all(x > -1), lambda x: (x * 1.0,), (length(text),))[0]


def crashing(text: Any) -> Any:
    """Takes the process down."""
    import tensorflow as tf

    with tf.control_dependencies([tf.raw_ops.Abort(error_msg="as told")]):
        return length(text)


def raising(text: Any) -> Any:
    """Fails on every input."""
    import tensorflow as tf

    with tf.control_dependencies([tf.debugging.assert_less(length(text), -1.0, "never")]):
        return length(text)


def in_python(text: Any) -> Any:
    """Needs this very process."""
    import tensorflow as tf

    return tf.reshape(tf.numpy_function(lambda x: x, [length(text)], tf.float32), [-1])
