"""The model of TF Serving's own tests, y = x / 2 + 2, exported with the signatures that those ask for."""

from pathlib import Path


def export(folder: Path, slope: float = 0.5) -> Path:
    """Writes a version; `slope` tells versions apart."""
    import tensorflow as tf

    class HalfPlusTwo(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = tf.Variable(float(slope)), tf.Variable(2.0)

        def _x(self, examples: tf.Tensor) -> tf.Tensor:
            return tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature((1,), tf.float32)})["x"]

        @tf.function(autograph=False, input_signature=[tf.TensorSpec((None,), tf.float32, "x")])
        def predict(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"y": self.a * x + self.b}

        @tf.function(autograph=False, input_signature=[tf.TensorSpec((None,), tf.string, "inputs")])
        def regress(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"outputs": self.a * self._x(inputs) + self.b}

        @tf.function(autograph=False, input_signature=[tf.TensorSpec((None,), tf.string, "inputs")])
        def classify(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            y = self.a * self._x(inputs) + self.b
            labels = tf.tile([["y", "minus y"]], [tf.shape(y)[0], 1])
            return {"classes": labels, "scores": tf.concat([y, -y], 1)}

        @tf.function(autograph=False, input_signature=[tf.TensorSpec((None,), tf.string), tf.TensorSpec((), tf.int64)])
        def echo(self, text: tf.Tensor, times: tf.Tensor) -> dict[str, tf.Tensor]:
            several = tf.strings.reduce_join(tf.repeat(text[None], times, 0), 0)
            return {"text": several, "length": tf.strings.length(several)}

    model = HalfPlusTwo()
    signatures = {
        "serving_default": model.predict,
        "regress_x_to_y": model.regress,
        "classify_x_to_y": model.classify,
        "echo": model.echo,
    }
    tf.saved_model.save(model, str(folder), signatures=signatures)
    _name_methods(folder / "saved_model.pb")
    return folder


def _name_methods(path: Path) -> None:
    """Says what the signatures are, as Classify and Regress insist on; TensorFlow 2 calls all of them predict."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for name, method in (("regress_x_to_y", "regress"), ("classify_x_to_y", "classify")):
        saved.meta_graphs[0].signature_def[name].method_name = f"tensorflow/serving/{method}"
    path.write_bytes(saved.SerializeToString())
