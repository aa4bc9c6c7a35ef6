"""Facts on disk: what analysis found, in formats that anybody can read and none that can run code.

A list of words is a text file of a line each, an array is `.npy`, numbers are together in `numbers.json`.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.errors import TrainworksError
from schemas.files import replacing, write_atomically

if TYPE_CHECKING:
    from models.analyzer import Facts


def save_facts(folder: Path, facts: "Facts") -> None:
    """Writes facts into a folder, each file at once: a worker that is started again, or twice, does no harm.

    Raises:
        TrainworksError: a word holds a line feed, so that its file could not be read back.
    """
    import numpy as np

    numbers = {name: fact for name, fact in sorted(facts.items()) if isinstance(fact, int | float)}
    write_atomically(json.dumps(numbers, indent=2).encode() + b"\n", folder / "numbers.json")
    for name, fact in facts.items():
        if isinstance(fact, list):
            if any("\n" in word for word in fact):
                raise TrainworksError(f"Words of the fact `{name}` must not hold line feeds.")
            write_atomically("".join(f"{word}\n" for word in fact).encode(), folder / f"{name}.txt")
        elif isinstance(fact, np.ndarray):
            with replacing(folder / f"{name}.npy") as file:
                np.save(file, fact, allow_pickle=False)


def load_facts(folder: Path) -> "Facts":
    """The facts that `save_facts` wrote."""
    import numpy as np

    facts: dict[str, Any] = dict(json.loads((folder / "numbers.json").read_bytes()))
    for path in sorted(folder.glob("*.txt")):
        facts[path.stem] = path.read_bytes().decode("utf-8").split("\n")[:-1]
    for path in sorted(folder.glob("*.npy")):
        facts[path.stem] = np.load(path, allow_pickle=False)
    return facts
