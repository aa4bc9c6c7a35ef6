"""Tries whether a model server can serve the candidate, before it is pushed."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from components.component import Component, Context, Input, Output
from schemas.artifacts import Examples, InfraBlessing, Model
from schemas.config import InfraValidationConfig
from schemas.errors import DataError
from schemas.verdict import RuleVerdict, Verdict


class InfraValidator(Component):
    """Checks the candidate's graph, and, where that is asked for, has a server of its own load it and answer.

    Every op of the graph, its functions included, must be one that stock TF Serving has. With a `serving_binary`, a
    child process (or, with Docker, TF Serving itself) loads the candidate with its warm-up requests, and answers
    examples: as the Evaluator was answered, within limits of latency and memory.

    Writes `BLESSED` or `NOT_BLESSED` beside `verdict.json`.
    """

    gate = "infra_blessing"
    libraries = ("tensorflow", "tensorflow-text")

    model: Input[Model]
    examples: Input[Examples] | None
    """What the candidate is asked about; needed with a `serving_binary`."""
    infra_blessing: Output[InfraBlessing]

    infra_config: InfraValidationConfig = InfraValidationConfig(serving_binary="none")
    """The section `infra_validation:` of the pipeline file."""
    model_name: str
    features: Mapping[str, str] = MappingProxyType({})
    split: str = ""

    def sources(self) -> Sequence[str]:
        """The program of the child process."""
        return ("components.infra.candidate",)

    def run(self, context: Context) -> None:
        """Tries the candidate.

        Raises:
            ConfigError: Docker is asked for, and not there.
            DataError: there is no example to ask about.
            TrainworksError: there is no exported model.
        """
        from components.infra.ops import judge_graph, read_meta_graph

        graph = read_meta_graph(self.model.serving)
        rules = judge_graph(graph, self.infra_config.custom_ops)
        refused = any(rule.verdict == "failed" for rule in rules)
        if self.infra_config.serving_binary != "none" and not refused:
            rules += self._tried(context)
        self._bless(Verdict(rules=tuple(rules)))
        for rule in rules:
            context.logger.info("%s: expected %s, found %s: %s", rule.rule, rule.expected, rule.found, rule.verdict)

    def _tried(self, context: Context) -> list[RuleVerdict]:
        from components.infra.trial import Candidate, Trial
        from components.warmup import rows_of, sample_records, warmup_requests

        records = (
            sample_records(self.examples.shards(self.split), self.infra_config.num_examples) if self.examples else []
        )
        if not records or self.examples is None:
            raise DataError(
                f"`infra_validation` needs examples of split `{self.split}` to ask the candidate about. Received: none"
            )
        columns = self.examples.ingestion().columns
        rows = rows_of(records, self.features, columns)
        types = {name: columns[column] for name, column in self.features.items()}
        base = context.scratch / "candidate"
        _stage(self.model.serving, base, warmup_requests(rows, types, self.model_name))
        candidate = Candidate(base, self.model_name, self.model.serving, records, rows, types)
        log = context.scratch / "server.log"
        try:
            return Trial(candidate, self.infra_config, log).run()
        finally:
            shutil.rmtree(base, ignore_errors=True)
            if log.is_file():
                context.logger.info("The server said:\n%s", log.read_text(encoding="utf-8", errors="replace"))

    def _bless(self, verdict: Verdict) -> None:
        verdict.save(self.infra_blessing.uri)
        (self.infra_blessing.uri / ("NOT_BLESSED" if verdict.refused else "BLESSED")).touch()
        self.infra_blessing.properties["blessed"] = int(not verdict.refused)
        self.infra_blessing.properties["current_model"] = str(self.model.uri)


def _stage(serving: Path, base: Path, warmup: bytes) -> None:
    """The candidate as version 1 of a model, with what Pusher adds."""
    from components.warmup import WARMUP

    shutil.rmtree(base, ignore_errors=True)
    version = base / "1"
    shutil.copytree(serving, version, copy_function=_link)
    if not (version / WARMUP).exists():
        (version / WARMUP).parent.mkdir(exist_ok=True)
        (version / WARMUP).write_bytes(warmup)


def _link(source: str, target: str) -> None:
    """A hard link costs nothing; where the file system has none, a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
