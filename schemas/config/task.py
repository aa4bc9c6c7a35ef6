"""What a pipeline predicts, and from what."""

from typing import Final, Literal

Task = Literal["classification", "multi-label", "localization", "regression", "pretraining"]
"""One class of several, any number of classes, a class and the box around it in a picture, a number, or, for an encoder
that others start from, words that are hidden in texts without labels."""

CLASS_TASKS: Final[frozenset[Task]] = frozenset({"classification", "multi-label", "localization"})
"""Tasks whose labels are words, of which the schema lists all there are."""

Modality = Literal["text", "image"]
"""What the features are. A family is made for one of them."""
