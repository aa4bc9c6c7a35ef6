"""One look while it goes on: reads, measures, judges, and publishes what it found."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from components.validation.inspection import TRAIN, Check
from pipeline.lineage.store import Lineage
from pipeline.monitoring.log_files import check_label_columns, label_data
from pipeline.monitoring.outcome import Outcome
from pipeline.monitoring.subject import Subject, subject_of
from schemas.artifacts import Examples
from schemas.config import MonitoringConfig, PipelineConfig
from schemas.ingestion import FeatureType
from schemas.period import seconds_of
from schemas.verdict import Verdict

if TYPE_CHECKING:
    from components.transforms.request_logs import LogJob
    from components.transforms.served import LabelFiles, Served
    from components.validation.inspection import Judgement
    from components.validation.served import ServedVersion


@dataclass
class Look:
    """What one look reads and writes.

    Args:
        config: the pipeline file.
        base: its folder.
        served: the folder of versions that it pushes to.
        lineage: what is known of them.
        run_id: what lineage calls the look.
        until: the window's end, in seconds since 1970.
    """

    config: PipelineConfig
    base: Path
    served: Path
    lineage: Lineage
    run_id: str
    until: int

    @property
    def monitoring(self) -> MonitoringConfig:
        assert self.config.monitoring is not None
        return self.config.monitoring

    @property
    def since(self) -> int:
        """The window's start, in seconds since 1970, before which there are no requests."""
        return max(self.until - seconds_of(self.monitoring.window), 0)

    @cached_property
    def newest(self) -> Subject | None:
        """The newest version that lineage knows; its training data tells the columns of requests."""
        folders = [path for path in self.served.glob("*") if path.name.isdecimal()]
        versions = sorted((int(path.name) for path in folders), reverse=True)
        subjects = (subject_of(self.lineage, self.served, version) for version in versions)
        return next((subject for subject in subjects if not subject.missing), None)

    def take(self, logs: Sequence[tuple[Path, str]], work: Path, out: Path) -> Outcome:
        """Takes the look.

        Args:
            logs: files and how they are shown.
            work: an empty folder, for examples.
            out: gets `verdict.json`, `outcome.json` and, by version, the requests' statistics and `SchemaDiff.pb`.
        """
        from components.transforms.readers import Source
        from components.transforms.served import measure, read_logs
        from components.validation.served import ServedInspection, judge_served

        job = self._job(work)
        sources = [Source("logs", str(path), shown) for path, shown in logs]
        served = read_logs(sources, job, self._labels(), self.config.beam)
        asked = measure(served, job, out=out, config=self.config.beam)
        subjects = {version: subject_of(self.lineage, self.served, version) for version in asked}
        versions = [subject.served(asked[version]) for version, subject in subjects.items()]
        inspection = ServedInspection(
            versions=versions,
            features=frozenset(self.config.data.features.values()),
            window=self.monitoring.window,
            counts=served.counts,
            joined=served.joined,
        )
        judgement = judge_served(inspection, self.monitoring)
        for subject in subjects.values() if self.monitoring.embedding_drift else ():
            self._judge_vectors(subject, job, judgement, replaced=subject.version in served.counts.replaced())
        outcome = self._outcome(served, judgement)
        self._write(outcome, judgement, versions, out)
        return outcome

    def _judge_vectors(self, subject: Subject, job: "LogJob", judgement: "Judgement", *, replaced: bool) -> None:
        """Holds the vectors that a version makes of its requests against those of its training data."""
        from components.transforms.embeddings import Sampled
        from components.validation.embedding import embedding_check, embedding_rule
        from components.validation.served import softened

        config = self.monitoring.embedding_drift
        assert config is not None
        name, training = f"version {subject.version}", subject.examples
        if training is None:
            found: Check | str = f"{name}: {subject.missing or 'its training data is gone'}"
        else:
            before = Sampled(training.shards(TRAIN), training.ingestion().columns)
            now = Sampled(Examples(Path(job.folder)).shards(str(subject.version)), job.types)
            serving = self.served / str(subject.version)
            features = self.config.data.features
            found = embedding_check(name, serving, features, before=before, now=now, sample=config.sample)
        limit = softened(config.rule) if replaced else config.rule
        judgement.add(embedding_rule("requests and of training data", found), limit)

    def _job(self, work: Path) -> "LogJob":
        from components.transforms.request_logs import LogJob

        labels, columns = self.monitoring.labels, self._columns()
        if labels and labels.key:
            columns.setdefault(labels.key, "BYTES")
        return LogJob(
            model=self.config.name,
            task=self.config.task,
            served=str(self.served),
            features=self.config.data.features,
            columns=columns,
            until=self.until,
            since=self.since,
            joined_since=self.until - seconds_of(labels.window) if labels else None,
            key=labels.key if labels else None,
            folder=str(work),
            pictures=self.config.data.modality == "image",
        )

    def _columns(self) -> dict[str, FeatureType]:
        """Columns of the training data but for the label; the features alone where nothing is known of it."""
        known = self.newest.columns() if self.newest else None
        if known is None:
            return dict.fromkeys(self.config.data.features.values(), "BYTES")
        return {name: view.kind for name, view in known.features.items() if name != self.config.data.label}

    def _labels(self) -> "LabelFiles | None":
        if self.monitoring.labels is None:
            return None
        from components.example_gen import units_of
        from components.sources import pictures_of, sources_of
        from components.transforms.columns import Column
        from components.transforms.label_join import LabelJob
        from components.transforms.readers import make_reader
        from components.transforms.served import LabelFiles

        data = label_data(self.monitoring.labels, self.config, self.base)
        if data.label is None:  # an encoder's answers are neither right nor wrong
            return None
        reader, key = make_reader(data, self.base), tuple(dict.fromkeys(data.features.values()))
        job = LabelJob(
            reader=reader,
            key=key,
            label=data.label,
            separator=self.config.data.label_separator if self.config.task == "multi-label" else "",
            pictures=pictures_of(data, [Column(name, "BYTES", "image") for name in key], self.base),
        )
        sources = list(sources_of(data, self.base))
        check_label_columns(reader, sources, key, data.label)
        return LabelFiles(units_of(reader, sources), job)

    def _outcome(self, served: "Served", judgement: "Judgement") -> Outcome:
        joined = served.joined
        return Outcome(
            run_id=self.run_id,
            pipeline=self.config.name,
            since=self.since,
            until=self.until,
            requests=dict(sorted(served.counts.measured.items())),
            verdict=Verdict(rules=tuple(judgement.verdicts)),
            distances=tuple(judgement.comparisons),
            days=joined.days if joined else (),
            notes=(*served.counts.told(), *(joined.told() if joined else ())),
        )

    def _write(self, outcome: Outcome, judgement: "Judgement", versions: "Sequence[ServedVersion]", out: Path) -> None:
        from tensorflow_metadata.proto.v0 import schema_pb2

        from components.validation.anomalies import anomalies_of

        out.mkdir(parents=True, exist_ok=True)
        outcome.verdict.save(out)
        (out / "outcome.json").write_text(outcome.json() + "\n", encoding="utf-8")
        for version in versions:
            schema = version.schema or schema_pb2.Schema()
            diff = anomalies_of(version.name, version.asked.examples, schema, judgement.failures, judgement.comparisons)
            folder = out / f"Split-{version.version}"
            (folder / "SchemaDiff.pb").write_bytes(diff.SerializeToString(deterministic=True))
