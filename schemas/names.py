"""Names that become folders: of pipelines, components, models and splits."""

import re
from typing import Final

NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
"""Pattern of the name of a pipeline, a component or a model."""

_SPLIT: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"


def is_name(text: str) -> bool:
    """Whether a text may name a pipeline, a component or a model."""
    return re.fullmatch(NAME, text) is not None


def is_split_name(text: str) -> bool:
    """Whether a text may name a split, whose folder is `Split-<name>`."""
    return re.fullmatch(_SPLIT, text) is not None
