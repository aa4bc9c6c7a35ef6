"""Judges the exported model on raw examples, and blesses it or not."""

import json
from typing import TYPE_CHECKING, Final

from components.component import Component, Context, Input, Output
from components.metrics.absence import Absence
from components.metrics.rules import check_rules, judge, shown, slicings
from schemas.artifacts import Examples, Model, ModelBlessing, ModelEvaluation
from schemas.config import CLASS_TASKS, EvaluationConfig, Task
from schemas.errors import ConfigError, DataError, TrainworksError
from schemas.evaluation import EvaluationReport

if TYPE_CHECKING:
    from components.transforms.evaluation import EvaluationJob, ModelFolder

__all__ = ["Evaluator", "check_rules"]

_SHOWN: Final = 5
"""Labels that are named before `...`."""


class Evaluator(Component):
    """Metrics with confidence intervals, overall, by class and by slice, and the verdict of every `require` rule.

    The model is asked through its signature `serve_examples`, as a server would ask it. The champion, where there is
    one, answers the same examples in the same pass, so that differences have paired intervals. With no rule, the model
    must beat the split's majority class, the mean, or the frequencies of pieces.

    Writes `metrics.json` (schemas/evaluation.py), and `BLESSED` or `NOT_BLESSED` beside `verdict.json`.
    """

    gate = "blessing"
    libraries = ("tensorflow", "tensorflow-text", "numpy", "scipy")

    examples: Input[Examples]
    model: Input[Model]
    champion: Input[Model] | None
    evaluation: Output[ModelEvaluation]
    blessing: Output[ModelBlessing]

    eval_config: EvaluationConfig
    """The section `evaluation:` of the pipeline file, under TFX's name."""
    split: str
    label: str | None
    task: Task
    box: tuple[str, ...] = ()
    """Columns of the box, for a localization."""

    def run(self, context: Context) -> None:
        """Evaluates and judges.

        Raises:
            ConfigError: a rule, slice column or split is not there.
            DataError: the split is empty, or a label of a regression is not a number.
            TrainworksError: the model cannot be asked.
        """
        check_rules(self.eval_config, self.task)
        self._check_examples()
        absence = self._absence()
        if self.champion is not None and absence is not None:
            context.logger.warning("The champion is left out: %s", absence.reason)
        self._evaluate(context, absence)
        report = EvaluationReport.load(self.evaluation.uri)
        self._bless(report, absence)
        self._log(report, context)

    def _check_examples(self) -> None:
        ingestion = self.examples.ingestion()
        if self.split not in ingestion.rows:
            raise ConfigError(
                f"`evaluation.split` must be one of the splits {', '.join(sorted(ingestion.rows))}."
                f" Received: split={self.split}"
            )
        for column in self._columns():
            if column not in ingestion.columns:
                raise ConfigError(
                    f"Columns of `evaluation.slices` must be in the examples: {', '.join(sorted(ingestion.columns))}."
                    f" Received: {column}. Add it to `data.keep`."
                )
        if not ingestion.rows[self.split]:
            raise DataError(f"Split `{self.split}` must hold examples to judge the model on. Received: none")

    def _columns(self) -> list[str]:
        """Of label and box, where there are any, and of slices."""
        label = [] if self.label is None else [self.label]
        return list(dict.fromkeys([*label, *self.box, *(name for slicing in self._slicings() for name in slicing)]))

    def _absence(self) -> Absence | None:
        """Why there is nothing to compare with; None where there is."""
        if self.champion is None:
            return Absence.of_first_run(self.eval_config)
        if not (self.champion.serving / "saved_model.pb").exists():
            reason = f"the champion's files are gone from {self.champion.serving}"
        else:
            reason = (
                self._unknown_columns(self.champion)
                or self._other_labels(self.champion)
                or self._other_pieces(self.champion)
                or self._unusable(self.champion)
            )
        return Absence.of_lost_champion(reason, self.eval_config) if reason else None

    def _other_labels(self, champion: Model) -> str:
        """One that knows none of the candidate's labels would lose without having been asked anything."""
        known, there = set(champion.classes()), set(self.model.classes())
        return "the champion knows none of the candidate's labels" if known and known.isdisjoint(there) else ""

    def _unknown_columns(self, champion: Model) -> str:
        """A column that is not there reads as empty: the champion would be asked about nothing."""
        there = self.examples.ingestion().columns
        strange = [f"`{name}` ({kind})" for name, kind in (champion.columns() or {}).items() if there.get(name) != kind]
        return f"the champion reads {', '.join(strange)}, which these examples do not have" if strange else ""

    def _other_pieces(self, champion: Model) -> str:
        """Of another vocabulary other things are hidden, and more or less likely by chance."""
        if self.task != "pretraining" or champion.vocabulary() == self.model.vocabulary():
            return ""
        return "the champion has another vocabulary, so that what it says of hidden words cannot be compared"

    def _unusable(self, champion: Model) -> str:
        from components.transforms.evaluation import unusable

        classes = tuple(label.encode() for label in champion.classes())
        reason = unusable(champion.serving, classes, self.task)
        return f"the champion in {champion.serving} cannot be asked: {reason}" if reason else ""

    def _evaluate(self, context: Context, absence: Absence | None) -> None:
        from components.metrics.report import ReportSubject
        from components.metrics.significance import hypotheses
        from components.transforms.evaluation import check_servable, evaluate

        champion = None if absence else self.champion
        check_servable(self.model.serving)
        subject = ReportSubject(
            task=self.task,
            split=self.split,
            label=self.label or "",
            model=str(self.model.uri),
            champion=str(champion.uri) if champion else None,
            classes=tuple(self.model.classes()),
            confidence=self.eval_config.confidence,
            bootstrap_samples=self.eval_config.bootstrap_samples,
            notes=(absence.reason,) if self.champion and absence else self._notes(champion),
            hypotheses=tuple(hypotheses(self.eval_config.require)) if champion else (),
        )
        path = self.evaluation.uri / "metrics.json"
        evaluate(self.examples.shards(self.split), self._job(champion), subject, path, context.beam)
        if not path.exists():
            raise DataError(f"Split `{self.split}` must hold examples to judge the model on. Received: none")

    def _job(self, champion: Model | None) -> "EvaluationJob":
        from components.metrics.accumulator import TallySettings
        from components.transforms.evaluation import EvaluationJob

        columns = self.examples.ingestion().columns
        settings = TallySettings(
            task=self.task,
            classes=len(self.model.classes()),
            champion_classes=len(champion.classes()) if champion else None,
            top_k=self.eval_config.top_k,
            bootstrap_samples=self.eval_config.bootstrap_samples,
        )
        return EvaluationJob(
            label=self.label,
            columns={name: columns[name] for name in self._columns()},
            slicings=tuple(self._slicings()),
            named_slices=tuple(rule.slice for rule in self.eval_config.require if rule.slice is not None),
            candidate=self._folder(self.model),
            champion=self._folder(champion) if champion else None,
            settings=settings,
            box=self.box,
        )

    def _folder(self, model: Model) -> "ModelFolder":
        from components.transforms.evaluation import ModelFolder

        classes = tuple(label.encode() for label in model.classes())
        if self.task in CLASS_TASKS and not classes:
            raise TrainworksError(
                f"A model of a {self.task} must name its labels in {model.serving / 'assets' / 'labels.txt'}."
            )
        return ModelFolder(str(model.serving), classes)

    def _slicings(self) -> list[tuple[str, ...]]:
        return slicings(self.eval_config)

    def _notes(self, champion: Model | None) -> tuple[str, ...]:
        """What the comparison with a champion of fewer labels means."""
        labels = self.model.classes()
        unknown = [label for label in labels if label not in set(champion.classes())] if champion else []
        if not unknown:
            return ()
        named = ", ".join(f"`{label}`" for label in unknown[:_SHOWN]) + (", ..." if len(unknown) > _SHOWN else "")
        return (
            f"the champion does not know {len(unknown)} of the candidate's {len(labels)} labels ({named}): examples of"
            " them count as wrong for it",
        )

    def _bless(self, report: EvaluationReport, absence: Absence | None) -> None:
        verdict = judge(report, self.eval_config, absence, self._notes(None if absence else self.champion))
        verdict.save(self.blessing.uri)
        (self.blessing.uri / ("NOT_BLESSED" if verdict.refused else "BLESSED")).touch()
        self.blessing.properties["blessed"] = int(not verdict.refused)
        self.blessing.properties["current_model"] = str(self.model.uri)
        self.blessing.properties["baseline_model"] = report.champion or ""

    def _log(self, report: EvaluationReport, context: Context) -> None:
        for name in (
            "accuracy",
            "subset_accuracy",
            "f1_micro",
            "f1_macro",
            "mean_iou",
            "r2",
            "rmse",
            "masked_accuracy",
            "perplexity",
        ):
            if name in report.overall:
                context.logger.info("%s on %s: %s", name, self.split, shown(report.overall[name]))
        if report.unknown_labels:
            counts = json.dumps(report.unknown_label_examples, ensure_ascii=False)
            context.logger.warning(
                "%d labels of %d examples are such as the model does not know; they count as wrong: %s",
                report.unknown_labels,
                report.examples,
                counts,
            )
