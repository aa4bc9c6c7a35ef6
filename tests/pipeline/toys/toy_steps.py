"""Small real components: they read and write real files, and need neither TensorFlow nor Beam.

rows.txt -> ToyGen -> ToySchema -> ToyValidator (gate) -> ToyTrainer -> ToyEvaluator (gate) -> ToyPusher
"""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from components.component import Component, Context, Input, LatestAccepted, LatestBlessed, Output, PreviousBlessed
from pipeline.pipeline import Pipeline
from schemas.artifacts import (
    ExampleAnomalies,
    Examples,
    Model,
    ModelBlessing,
    ModelEvaluation,
    ModelRun,
    PushedModel,
    Schema,
)
from schemas.errors import DataError
from schemas.verdict import RuleVerdict, Severity, Verdict


class ToyGen(Component):
    """Splits the lines of a file over shards."""

    source: str
    shards: int = 3
    examples: Output[Examples]

    def external_inputs(self, base: Path) -> Sequence[Path]:
        return [base / self.source]

    def run(self, context: Context) -> None:
        path = context.base / self.source
        if not path.exists():
            raise DataError(f"`source` must be a file. Received: {path}, which is none.")
        lines = path.read_text().splitlines()
        folder = self.examples.split_path("train")
        folder.mkdir()
        for shard in range(self.shards):
            name = f"data_tfrecord-{shard:05}-of-{self.shards:05}"
            (folder / name).write_text("\n".join(lines[shard :: self.shards]))
        self.examples.properties["split_names"] = json.dumps(["train"])


class ToySchema(Component):
    """Freezes the first schema it infers, and reads that from then on."""

    frozen: str
    examples: Input[Examples]
    schema: Output[Schema]

    def external_inputs(self, base: Path) -> Sequence[Path]:
        return self.external_outputs(base)

    def external_outputs(self, base: Path) -> Sequence[Path]:
        return [base / self.frozen]

    def run(self, context: Context) -> None:
        frozen = context.base / self.frozen
        if not frozen.exists():
            staged = frozen.with_suffix(".tmp")
            staged.write_text(f"shards: {len(self.examples.shards('train'))}\n")
            staged.rename(frozen)
        self.schema.path.write_text(frozen.read_text())


class ToyValidator(Component):
    """Refuses rows that say `bad`, and writes down how many rows passed last."""

    gate = "anomalies"

    severity: Severity = "error"
    examples: Input[Examples]
    schema: Input[Schema]
    previous: Input[Examples] | None
    anomalies: Output[ExampleAnomalies]

    def run(self, context: Context) -> None:
        rows = _rows(self.examples)
        before = "none" if self.previous is None else str(len(_rows(self.previous)))
        (self.anomalies.uri / "before.txt").write_text(before)
        bad = sorted(row for row in rows if "bad" in row)
        Verdict(
            rules=(
                RuleVerdict(
                    rule="no_bad_rows",
                    expected="0 rows that say `bad`",
                    found=f"{len(bad)} rows",
                    verdict="failed" if bad else "passed",
                    severity=self.severity,
                    rows=tuple(f"rows.txt: {row}" for row in bad[:3]),
                ),
                RuleVerdict(rule="rows", expected="at least 1", found=str(len(rows)), verdict="passed"),
            )
        ).save(self.anomalies.uri)
        self.anomalies.properties["accepted"] = int(not bad or self.severity == "warning")


def _rows(examples: Examples) -> list[str]:
    return [row for shard in examples.shards("train") for row in shard.read_text().splitlines()]


class ToyTrainer(Component):
    """Counts epochs, with a checkpoint after each; writes down which epochs this process ran."""

    epochs: int = 4
    seconds: float = 0.0
    examples: Input[Examples]
    champion: Input[Model] | None
    model: Output[Model]
    model_run: Output[ModelRun]

    def run(self, context: Context) -> None:
        checkpoint = context.scratch / "epoch"
        done = int(checkpoint.read_text()) if checkpoint.exists() else 0
        with context.progress("train", total=self.epochs) as progress:
            progress.advance(done)
            for epoch in range(done + 1, self.epochs + 1):
                with (context.base / "epochs.log").open("a") as log:
                    log.write(f"{epoch}\n")
                time.sleep(self.seconds)
                staged = checkpoint.with_suffix(".tmp")
                staged.write_text(str(epoch))
                staged.rename(checkpoint)
                progress.advance(loss=1 / epoch)
        rows = sum(len(shard.read_text().splitlines()) for shard in self.examples.shards("train"))
        self.model.serving.mkdir()
        (self.model.serving / "saved_model.pb").write_text(f"rows {rows}, epochs {self.epochs}\n")
        if self.champion is not None:
            (self.model.serving / "began").write_text((self.champion.serving / "saved_model.pb").read_text())
        (self.model_run.uri / "events").write_text("loss\n" * self.epochs)
        context.logger.info("trained on %d rows", rows)


class ToyEvaluator(Component):
    """Blesses a model whose accuracy, which its parameters give, is high enough."""

    gate = "blessing"

    accuracy: float
    at_least: float
    examples: Input[Examples]
    model: Input[Model]
    champion: Input[Model] | None
    evaluation: Output[ModelEvaluation]
    blessing: Output[ModelBlessing]

    def run(self, context: Context) -> None:
        blessed = self.accuracy >= self.at_least
        overall = {"accuracy": {"value": self.accuracy}}
        (self.evaluation.uri / "metrics.json").write_text(json.dumps({"overall": overall}))
        (self.blessing.uri / ("BLESSED" if blessed else "NOT_BLESSED")).touch()
        self.blessing.properties["blessed"] = int(blessed)
        champion = "skipped" if self.champion is None else "passed"
        Verdict(
            rules=(
                RuleVerdict(
                    rule="accuracy",
                    expected=f"at least {self.at_least}",
                    found=str(self.accuracy),
                    verdict="passed" if blessed else "failed",
                ),
                RuleVerdict(rule="champion", expected="a champion", found="", verdict=champion),
            )
        ).save(self.blessing.uri)


class ToyPusher(Component):
    """Puts the model where a server looks, as the next version."""

    directory: str
    model: Input[Model]
    blessing: Input[ModelBlessing]
    pushed_model: Output[PushedModel]

    def run(self, context: Context) -> None:
        served = context.base / self.directory
        served.mkdir(exist_ok=True)
        version = max((int(path.name) for path in served.iterdir()), default=0) + 1
        staged = self.pushed_model.uri
        (staged / "saved_model.pb").write_bytes((self.model.serving / "saved_model.pb").read_bytes())
        staged.rename(served / str(version))
        self.pushed_model = PushedModel(uri=served / str(version))


class Failing(Component):
    """Raises what it is told to."""

    examples: Input[Examples]
    kind: str
    schema: Output[Schema]

    def run(self, context: Context) -> None:
        self.schema.path.write_text("half of it")
        if self.kind == "value":
            raise ValueError("shapes (3,) and (4,) do not fit")
        if self.kind == "own":
            raise DataError("`label` must be there. Received: nothing")
        if self.kind == "exit":
            sys.exit(2)
        raise OSError(28, "No space left on device")


def toy_pipeline(
    base: Path,
    *,
    accuracy: float = 0.9,
    at_least: float = 0.5,
    seconds: float = 0.0,
    epochs: int = 4,
    severity: Severity = "error",
    warm: bool = False,
) -> Pipeline:
    gen = ToyGen(source="rows.txt")
    schema = ToySchema(frozen="frozen.pbtxt", examples=gen.examples)
    validator = ToyValidator(
        severity=severity, examples=gen.examples, schema=schema.schema, previous=LatestAccepted("examples")
    )
    champion = PreviousBlessed() if warm else None
    trainer = ToyTrainer(examples=gen.examples, champion=champion, seconds=seconds, epochs=epochs)
    evaluator = ToyEvaluator(
        accuracy=accuracy,
        at_least=at_least,
        examples=gen.examples,
        model=trainer.model,
        champion=LatestBlessed(other_than=trainer.model),
    )
    pusher = ToyPusher(directory="served", model=trainer.model, blessing=evaluator.blessing)
    return Pipeline("toy", [gen, schema, validator, trainer, evaluator, pusher], base=base)
