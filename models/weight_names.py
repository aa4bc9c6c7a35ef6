"""What rows and columns of a network's weights stand for, kept beside the network.

A row of an embedding stands for a word, a column of the last layer for a label. Another training has other words and
labels, or the same in another order; by their names it can start from these weights all the same.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter

from schemas.files import write_atomically

if TYPE_CHECKING:
    from models.analyzer import Facts
    from models.family import Family
    from models.tasks import TaskHead

OUTPUTS: Final = "logits"
"""Name of the layer that makes a network's outputs."""


@dataclass(frozen=True)
class WeightNames:
    """Names of weights.

    Attributes:
        rows: path of a weight in the network (`embedding/embeddings`) to the names of its rows.
        outputs: names of the network's outputs; see `TaskHead.output_names`.
        unit: mean and scale of the number that a regression's output stands for.
        facts: lists among the facts that the network was made from, name to digest.
    """

    rows: Mapping[str, tuple[str, ...]]
    outputs: tuple[str, ...]
    unit: tuple[float, float] = (0.0, 1.0)
    facts: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, family: "Family", facts: "Facts", task: "TaskHead") -> "WeightNames":
        """Those of the network that a family makes from facts for a task."""
        lists = {name: _digest(fact) for name, fact in facts.items() if isinstance(fact, list)}
        rows = {path: tuple(names) for path, names in family.row_names(facts).items()}
        return cls(rows, task.output_names, task.unit, lists)

    def save(self, path: Path) -> None:
        write_atomically(_NAMES.dump_json(self) + b"\n", path)

    @classmethod
    def load(cls, path: Path) -> "WeightNames":
        """What `save` wrote.

        Raises:
            OSError: there is no such file.
            ValueError: it holds something else.
        """
        return _NAMES.validate_json(path.read_bytes())


_NAMES = TypeAdapter(WeightNames)


def _digest(words: list[str]) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()
