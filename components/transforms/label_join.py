"""Labels that come later, joined in Beam to what was predicted: how many answers were right, by version and day.

Answers and labels meet by a digest of their key, so that neither texts nor pictures cross a stage.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput
from pydantic import TypeAdapter

from components.transforms.columns import text
from components.transforms.ingest import Unit
from components.transforms.readers import Reader
from components.transforms.request_logs import JoinedAnswer, key_of
from schemas.errors import DataError

if TYPE_CHECKING:
    from components.transforms.pictures import Pictures


@dataclass(frozen=True)
class LabelJob:
    """How files of labels are read.

    Args:
        reader: the format's reader.
        key: columns of the key.
        label: column of the label.
        separator: between labels where there may be several; empty where there is one.
        pictures: what puts pictures into rows, where the key is one.
    """

    reader: Reader
    key: tuple[str, ...]
    label: str
    separator: str = ""
    pictures: "Pictures | None" = None


@dataclass
class DayTally:
    """Answers of one version in one day.

    Args:
        version: of the model.
        day: since 1970, in UTC.
        answers: all that were logged.
        labelled: those with a label.
        right: those whose label is what was predicted.
    """

    version: int
    day: int
    answers: int = 0
    labelled: int = 0
    right: int = 0

    def add(self, other: "DayTally") -> None:
        self.answers += other.answers
        self.labelled += other.labelled
        self.right += other.right


@dataclass
class Joined:
    """What came of a join.

    Args:
        days: by version and day.
        labels: rows of the label files.
        unmatched: different keys among them that no answer has.
        contradicting: different keys that have more than one label, which count as none.
        malformed: rows without a key or a label, or that cannot be read.
        unreadable: files that cannot be read, and why.
    """

    days: tuple[DayTally, ...] = ()
    labels: int = 0
    unmatched: int = 0
    contradicting: int = 0
    malformed: int = 0
    unreadable: tuple[str, ...] = ()

    def told(self) -> Iterator[str]:
        """What is said of labels that could not be used."""
        yield from self.unreadable
        if self.malformed:
            yield f"rows of labels without a key or a label, left out: {self.malformed:,} of {self.labels:,}"
        if self.contradicting:
            yield f"keys whose labels contradict each other, left out: {self.contradicting:,}"
        if self.unmatched:
            yield f"keys of labels that no logged answer has: {self.unmatched:,}"


JOINED = TypeAdapter(Joined)

_COUNTS: Final = ("labels", "unmatched", "contradicting", "malformed", "unreadable")
_Total = tuple[dict[tuple[int, int], DayTally], Joined]


class JoinLabels(beam.PTransform):
    """From `(key, JoinedAnswer)` and units of label files to one `Joined`."""

    def __init__(self, units: Iterable[Unit], job: LabelJob) -> None:
        super().__init__()
        self._units, self._job = list(units), job

    def expand(self, answers: beam.PCollection) -> beam.PCollection:
        labels = (
            answers.pipeline
            | "Label files" >> beam.Create(self._units, reshuffle=False)
            | "Read labels" >> beam.ParDo(ReadLabels(self._job)).with_outputs(ReadLabels.READ, main="labels")
        )
        joined = (
            {"answers": answers, "labels": labels["labels"]}
            | "By key" >> beam.CoGroupByKey()
            | "Compare" >> beam.MapTuple(_compared)
        )
        return (labels[ReadLabels.READ], joined) | beam.Flatten() | "Sum" >> beam.CombineGlobally(_Sum())


class ReadLabels(beam.DoFn):
    """Yields `(key, label)` of a unit, and under the tag `read` what was met."""

    READ = "read"

    def __init__(self, job: LabelJob) -> None:
        self._job = job

    def process(self, unit: Unit) -> Iterator[object]:
        job, read, malformed, unreadable = self._job, 0, 0, tuple[str, ...]()
        try:
            rows = job.reader.rows(unit.source, unit.part, [*job.key, job.label])
            for row in job.pictures.rows(unit.source, rows) if job.pictures else rows:
                read += 1
                *key, label = (None, None) if row.defect else (*row.values,)
                answer = self._label(label)
                if answer is None or None in key:
                    malformed += 1
                else:
                    yield key_of(key), answer
        except DataError as error:
            unreadable = (str(error),)
        yield TaggedOutput(self.READ, Joined(labels=read, malformed=malformed, unreadable=unreadable))

    def _label(self, value: object) -> bytes | None:
        """The label as answers have it; several are joined by `|`, in the order of their bytes."""
        separator = self._job.separator
        if value is None or (isinstance(value, list) and not separator):
            return None
        if not separator:
            return _stripped(value) or None
        several = value if isinstance(value, list) else (text(value, set()) or b"").split(separator.encode())
        return b"|".join(sorted({_stripped(one) for one in several} - {b""}))


def _stripped(value: object) -> bytes:
    return (text(value, set()) or b"").decode().strip().encode()


def _compared(_: bytes, found: dict[str, Iterable[object]]) -> Joined:
    """All answers of one key, and its labels. Answers are counted, so that one that all ask for takes no room."""
    answers: Counter[JoinedAnswer] = Counter(found["answers"])  # type: ignore[arg-type]
    labels = set(found["labels"])
    if not answers:
        return Joined(unmatched=1)
    (label,) = labels if len(labels) == 1 else (None,)
    days = tuple(
        DayTally(version, day, answers=count, labelled=count * (label is not None), right=count * (label == predicted))
        for (version, day, predicted), count in answers.items()
    )
    return Joined(days, contradicting=int(len(labels) > 1))


class _Sum(beam.CombineFn):
    """One `Joined` of many, whose days are by version and day."""

    def create_accumulator(self) -> "_Total":
        return {}, Joined()

    def add_input(self, accumulator: "_Total", element: Joined) -> "_Total":
        days, total = accumulator
        for day in element.days:
            days.setdefault((day.version, day.day), DayTally(day.version, day.day)).add(day)
        for name in _COUNTS:
            setattr(total, name, getattr(total, name) + getattr(element, name))
        return accumulator

    def merge_accumulators(self, accumulators: Iterable["_Total"]) -> "_Total":
        merged = self.create_accumulator()
        for accumulator in accumulators:
            self.add_input(merged, self.extract_output(accumulator))
        return merged

    def extract_output(self, accumulator: "_Total") -> Joined:
        days, total = accumulator
        return replace(total, days=tuple(days[key] for key in sorted(days)), unreadable=tuple(sorted(total.unreadable)))
