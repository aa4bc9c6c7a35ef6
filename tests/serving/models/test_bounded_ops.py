from pathlib import Path

from serving.models.bounded_ops import is_bounded


def test_a_loop_or_a_size_that_is_a_value_is_unbounded() -> None:
    import tensorflow as tf

    floats, counts = [tf.TensorSpec((None,), tf.float32)], [tf.TensorSpec((), tf.int32)]
    graphs = {}
    for name, function, specs in (
        ("bounded", lambda x: tf.nn.softmax(x * 2.0 + 1.0), floats),
        ("filled", lambda n: tf.fill((n,), 1.0), counts),
        ("looped", lambda n: tf.while_loop(lambda i: i < n, lambda i: i + 1, [tf.constant(0)]), counts),
    ):
        graph = tf.function(function, input_signature=specs).get_concrete_function().graph
        graphs[name] = is_bounded(graph.as_graph_def(), [tensor.name for tensor in graph.outputs])
    assert graphs == {"bounded": True, "filled": False, "looped": False}


def test_only_what_a_signature_needs_counts(half_plus_two: Path) -> None:
    from tensorflow.core.protobuf import saved_model_pb2

    content = (half_plus_two / "123" / "saved_model.pb").read_bytes()
    graph = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0]
    bounded = {
        name: is_bounded(graph.graph_def, [info.name for info in signature.outputs.values()])
        for name, signature in graph.signature_def.items()
        if not name.startswith("__")
    }
    assert bounded == {"serving_default": True, "regress_x_to_y": True, "classify_x_to_y": False, "echo": False}
