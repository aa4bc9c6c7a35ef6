"""Models of many types of inputs, and a configuration that names them, to be sent what does not fit."""

from pathlib import Path

from tests.serving.half_plus_two import export as export_half_plus_two


def export(folder: Path) -> Path:
    """Exports `half_plus_two`, without the signature that answers as much as it is asked for, and `kinds`; their
    ModelServerConfig."""
    half_plus_two = export_half_plus_two(folder / "half_plus_two" / "1")
    _drop(half_plus_two / "saved_model.pb", "echo")
    _export_kinds(folder / "kinds" / "1")
    config = folder / "models.config"
    config.write_text(f"model_config_list {{ {_entry(folder, 'half_plus_two')} {_entry(folder, 'kinds')} }}")
    return config


def _entry(folder: Path, name: str) -> str:
    label = 'version_labels { key: "stable" value: 1 }'
    return f'config {{ name: "{name}" base_path: "{folder / name}" model_platform: "tensorflow" {label} }}'


def _export_kinds(folder: Path) -> None:
    """Gives back numbers, bools, text and bytes of every rank up to two."""
    import tensorflow as tf

    class Kinds(tf.Module):
        @tf.function(
            autograph=False,
            input_signature=[
                tf.TensorSpec((None, 2), tf.float32, "pair"),
                tf.TensorSpec((None,), tf.int64, "count"),
                tf.TensorSpec((None, None), tf.string, "words"),
                tf.TensorSpec((None,), tf.bool, "flag"),
            ],
        )
        def mirror(self, pair: tf.Tensor, count: tf.Tensor, words: tf.Tensor, flag: tf.Tensor) -> dict[str, tf.Tensor]:
            return {
                "pair": pair * 2.0,
                "count": count + 1,
                "words": tf.strings.join([words, "!"]),
                "words_bytes": tf.identity(words),
                "flag": tf.logical_not(flag),
            }

        @tf.function(autograph=False, input_signature=[tf.TensorSpec(None, tf.string, "anything")])
        def length(self, anything: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"length": tf.strings.length(anything)}

        @tf.function(autograph=False, input_signature=[tf.TensorSpec(None, tf.float64, "anything")])
        def root(self, anything: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"root": tf.sqrt(anything)}

    model = Kinds()
    signatures = {"serving_default": model.mirror, "length": model.length, "root": model.root}
    tf.saved_model.save(model, str(folder), signatures=signatures)


def _drop(path: Path, signature: str) -> None:
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    del saved.meta_graphs[0].signature_def[signature]
    path.write_bytes(saved.SerializeToString())
