"""Puts a blessed model where a model server watches."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from components.component import Component, Context, Input, Output
from schemas.artifacts import Examples, InfraBlessing, Model, ModelBlessing, Property, PushedModel
from schemas.config import PushConfig
from schemas.errors import ConfigError, TrainworksError
from schemas.manifest import load_key
from schemas.names import is_name
from schemas.verdict import Verdict

if TYPE_CHECKING:
    from components.versions import Added


class Pusher(Component):
    """Copies `Format-Serving` to `<directory>/<model_name>/<version>`, where it appears at once and whole.

    Versions are seconds since 1970, or one more than the highest there is. A model whose files are, byte by byte, those
    of the newest version is not pushed again: that version is adopted, so a run that was killed after its push and
    before its end does not push twice.

    With examples, it holds warm-up requests (components/warmup.py), unless the model brings its own.

    Under the policy `canary` a version is loaded beside the one that serves, until `trainworks promote` decides.

    A version names the SHA-256 of each of its files, and is signed where there is a key (schemas/manifest.py).
    """

    model: Input[Model]
    blessing: Input[ModelBlessing]
    infra_blessing: Input[InfraBlessing] | None
    examples: Input[Examples] | None
    """What warm-up requests are made of."""
    pushed_model: Output[PushedModel]

    push: PushConfig
    model_name: str
    features: Mapping[str, str] = MappingProxyType({})
    """Model input to column, and `split`, the split of the examples: for warm-up requests."""
    split: str = ""

    def external_inputs(self, base: Path) -> Sequence[Path]:
        """The key: with another, the model is pushed anew."""
        return [Path(self.push.signing_key)] if self.push.signing_key is not None else []

    def run(self, context: Context) -> None:
        """Pushes.

        Raises:
            ConfigError: `model_name` is not the name of a folder, or the key cannot be used.
            TrainworksError: the model is not blessed, there is no exported model, or it cannot be copied.
        """
        from components.release.takeover import take_over
        from components.versions import push_version

        self._check_name()
        self._check_blessing()
        folder = context.base / self.push.directory / self.model_name
        pushed = push_version(
            self.model.serving,
            folder,
            model=str(self.model.uri),
            key=self._key(context.base),
            added=self._warmup(),
        )
        if pushed.adopted:
            context.logger.info("Version %s of %s is this very model; not pushed again", pushed.path.name, folder)
        else:
            context.logger.info("Pushed version %s to %s", pushed.path.name, pushed.path)
        if said := take_over(context.base, self.push, self.model_name, pushed):
            context.logger.warning("Version %s %s", pushed.path.name, said)
        properties: dict[str, Property] = {
            "pushed_version": int(pushed.path.name),
            "pushed_destination": str(pushed.path),
        }
        self.pushed_model = PushedModel(uri=pushed.path, properties={**self.pushed_model.properties, **properties})

    def still_valid(self) -> bool:
        """Whether the pushed version is still there, whole, and the one that serves, or is on probation."""
        from components.versions import is_served

        return is_served(self.pushed_model.uri)

    def _key(self, base: Path) -> bytes | None:
        return None if self.push.signing_key is None else load_key(base / self.push.signing_key)

    def _warmup(self) -> "Added":
        if self.examples is None or not self.push.warmup_examples:
            return {}
        from components.warmup import WARMUP, rows_of, sample_records, warmup_requests

        columns = self.examples.ingestion().columns
        records = sample_records(self.examples.shards(self.split), self.push.warmup_examples)
        rows = rows_of(records, self.features, columns)
        types = {name: columns[column] for name, column in self.features.items()}
        return {WARMUP: warmup_requests(rows, types, self.model_name)}

    def _check_name(self) -> None:
        if not is_name(self.model_name):
            raise ConfigError(
                "`model_name` must be letters, digits, `.`, `_` and `-`, at most 100, as the name of a folder."
                f" Received: model_name={self.model_name!r}"
            )

    def _check_blessing(self) -> None:
        for blessing in (self.blessing, self.infra_blessing):
            if blessing is not None and not (blessing.uri / "BLESSED").is_file():
                failed = [rule for rule in _verdict(blessing.uri).rules if rule.verdict == "failed"]
                reasons = "; ".join(f"{rule.rule}: found {rule.found}" for rule in failed)
                raise TrainworksError(
                    f"Only a blessed model is pushed, and {self.model.uri} is not:"
                    f" {reasons or 'it has no file `BLESSED`'}."
                )


def _verdict(folder: Path) -> Verdict:
    return Verdict.load(folder) if (folder / "verdict.json").is_file() else Verdict(rules=())
