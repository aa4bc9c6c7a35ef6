"""tensorflow.serving.Input: the examples that Classify, Regress and MultiInference are asked about."""

from typing import Any

from serving.errors import Code, ServingError


def serialized_examples(message: Any) -> list[bytes]:
    """Examples of a tensorflow.serving.Input, each with the context that all have in common.

    Messages that stand one after the other are one message with the fields of both, so the context needs only to be put
    in front.

    Raises:
        ServingError: INVALID_ARGUMENT, there are none.
    """
    kind = message.WhichOneof("kind")
    listed = getattr(message, kind) if kind else None
    if listed is None or not listed.examples:
        raise ServingError(Code.INVALID_ARGUMENT, "Input is empty.")
    context = listed.context.SerializeToString() if kind == "example_list_with_context" else b""
    return [context + example.SerializeToString() for example in listed.examples]
