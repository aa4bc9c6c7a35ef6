"""Analyzes the training split and preprocesses every split with the graph that the exported model will hold."""

import json
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from components.component import Component, Context, Input, Output, Volume
from components.partials import Partials, key_of
from models.registry import import_path, make_family
from schemas.artifacts import Examples, Schema, TransformGraph
from schemas.config import CLASS_TASKS, Modality, ModelConfig, Task
from schemas.features import LABEL, classes, load_schema, schema_text, transformed_schema
from schemas.files import sha256, write_atomically
from schemas.ingestion import FeatureType, Ingestion

if TYPE_CHECKING:
    import tensorflow as tf

    from components.transforms.features import RawFeatures
    from components.transforms.materialize import KeptTransformed, LabelSpec, RawShard, TransformModule
    from models.analyzer import Facts
    from models.family import Family

_PICTURES: Final = 64
"""Pictures that are preprocessed together, at most."""


class Transform(Component):
    """Facts of the training split, then model inputs of every split as tf.Example.

    Examples whose label is not among the schema's classes are left out; ExampleValidator is who stops for them.

    Args:
        model: the section `model:` of the pipeline file.
        features: model input to column.
        label: the label's column; None for texts alone.
        task: decides what a transformed label is: an index of a class (INT), 0 or 1 for each class (INT), an index and
            the box (FLOAT), the number itself (FLOAT), or nothing.
        box: columns of the box, for a localization.
        materialize: write the model's inputs, or raw features to be preprocessed in training; None leaves it to the
            family.
        spans: whether the data comes in spans, most of which were there the last time.
        max_pixels: most pixels of an encoded picture, which the graph refuses beyond; for pictures.
    """

    examples: Input[Examples]
    """Raw examples."""
    schema: Input[Schema]
    transform_graph: Output[TransformGraph]
    transformed_examples: Output[Examples]

    model: ModelConfig
    features: dict[str, str]
    label: str | None
    task: Task
    box: tuple[str, ...] = ()
    modality: Modality = "text"
    materialize: bool | None = None
    spans: bool = False
    max_pixels: int | None = None

    libraries: ClassVar[tuple[str, ...]] = ("tensorflow", "tensorflow-text", "apache-beam", "numpy")
    spread_modules: ClassVar[tuple[str, ...]] = (
        "components.transforms.analysis",
        "components.transforms.materialize",
        "models.text.normalizer_model",
    )

    def sources(self) -> Sequence[str]:
        """The family's module."""
        return (import_path(self.model.family, self.modality).partition(":")[0],)

    def external_inputs(self, base: Path) -> Sequence[Path]:
        """What the family takes facts from."""
        return make_family(self.model, tuple(self.features), self.modality, base).files_of_facts()

    def volume(self, base: Path) -> Volume:
        return Volume.of_examples(self.examples)

    def run(self, context: Context) -> None:
        from components.transforms.features import RawFeatures
        from components.transforms.materialize import LabelSpec
        from components.transforms.spread import has_pool

        family = make_family(self.model, tuple(self.features), self.modality, context.base)
        label = self.label
        known = classes(load_schema(self.schema.path), label) if label is not None and self.task in CLASS_TASKS else ()
        raw = RawFeatures(self.features, self.examples.ingestion().columns)
        spec = LabelSpec(label, known, multiple=self.task == "multi-label", box=self.box)
        self._analyze(context, family, raw)
        module, types = self._traced(family, raw, spec)
        materialize = partial(self._materialize, context, family, raw, spec, types)
        if not has_pool():
            self._save_graph(module)
            return materialize()
        with ThreadPoolExecutor(1) as beside:  # this process is idle while the pool's are at work
            saved = beside.submit(self._save_graph, module)
            materialize()
            saved.result()

    def _analyze(self, context: Context, family: "Family", features: "RawFeatures") -> None:
        import apache_beam as beam

        from components.transforms.analysis import REUSED, Analyze, KeptAnalyses, TrainingShard
        from components.transforms.beam import beam_pipeline, counted
        from components.transforms.spread import has_pool
        from models.facts import load_facts, save_facts

        facts = self.transform_graph.facts
        limits: Facts = {} if self.max_pixels is None else {"max_pixels": self.max_pixels}
        given = {**limits, **family.given_facts()}
        if not (analyzers := family.analyzers()):
            return save_facts(facts, given)
        shards = [
            TrainingShard(shard.place, shard.path, shard.digest) for shard in self._shards() if shard.split == "train"
        ]
        # Beam's in-process runner takes one group after the other, unless there is a pool; all others have workers.
        together = context.beam.runner == "direct" and not has_pool()
        groups = [shards] if together else [[shard] for shard in shards]
        size = self._batch_size("train")
        files = [context.digest(path) if path.exists() else None for path in family.files_of_facts()]
        settings = key_of(code=context.code, model=self.model, files=files, features=features, batch_size=size)
        kept = KeptAnalyses(Partials(context.partials), settings)
        facts.mkdir()
        with beam_pipeline(context.beam) as pipeline:
            analyze = Analyze(analyzers, features, facts, kept=kept, batch_size=size)
            _ = pipeline | beam.Create(groups, reshuffle=False) | analyze
        reused = counted(pipeline, REUSED)
        context.logger.info(
            "analyzed %d of %d shards; earlier runs had analyzed the others", len(shards) - reused, len(shards)
        )
        shutil.rmtree(facts / ".shards", ignore_errors=True)
        (facts / ".done").unlink()
        if given:
            save_facts(facts, {**load_facts(facts), **given})

    def _traced(
        self, family: "Family", raw: "RawFeatures", label: "LabelSpec"
    ) -> "tuple[TransformModule, dict[str, FeatureType]]":
        """The preprocessing graph, and the types of the transformed features, whose schema is written."""
        from components.transforms.materialize import TransformModule, signature_of_raw
        from models.facts import load_facts

        module = TransformModule(family.preprocess(load_facts(self.transform_graph.facts)), raw, label)
        signature = module.transform_features.get_concrete_function()
        outputs = dict(signature.structured_outputs)
        if not self._materializes(family):
            outputs = {**signature_of_raw(raw), **({LABEL: outputs[LABEL]} if LABEL in outputs else {})}
        types = {name: _feature_type(output.dtype) for name, output in outputs.items()}
        images = tuple(outputs) if self.modality == "image" else ()
        shapes = {name: (types[name], _row_shape(output)) for name, output in outputs.items()}
        schema = transformed_schema(shapes, images=images)
        write_atomically(schema_text(schema).encode(), self.transform_graph.transformed_schema)
        return module, types

    def _save_graph(self, module: "TransformModule") -> None:
        """Writes `transform_fn/`."""
        import tensorflow as tf

        from models.saving import save

        module.vocabularies = [
            tf.saved_model.Asset(str(path)) for path in sorted(self.transform_graph.facts.glob("*.txt"))
        ]
        save(module, self.transform_graph.transform_fn, experimental_custom_gradients=False)

    def _materializes(self, family: "Family") -> bool:
        if self.materialize is not None:
            return self.materialize
        changes = self.spans and bool(family.analyzers())
        return family.materialize and (family.materialize_spans or not changes)

    def _batch_size(self, *splits: str) -> int:
        """Examples that are preprocessed together; fewer where each becomes a picture's pixels."""
        from components.transforms.tfrecords import BATCH_SIZE, batch_size_for

        rows = self.examples.ingestion().rows
        shards = [shard for split in splits for shard in self.examples.shards(split)]
        most = _PICTURES if self.modality == "image" else BATCH_SIZE
        size = batch_size_for(shards, sum(rows[split] for split in splits), most)
        return 1 << size.bit_length() - 1  # a power of two, which a few more examples do not change

    def _materialize(
        self,
        context: Context,
        family: "Family",
        raw: "RawFeatures",
        label: "LabelSpec",
        types: Mapping[str, FeatureType],
    ) -> None:
        import apache_beam as beam

        from components.transforms.beam import beam_pipeline
        from components.transforms.materialize import Materialize, TransformShard, load_report
        from components.transforms.shards import commit_shards

        uri = self.transformed_examples.uri
        report = uri / ".transformed.json"
        transform = TransformShard(
            family if self._materializes(family) else None,
            facts=self.transform_graph.facts,
            features=raw,
            label=label,
            types=types,
            uri=uri,
            batch_size=self._batch_size(*self.examples.splits()),
            kept=self._kept(context, family, raw, label),
        )
        with beam_pipeline(context.beam) as pipeline:
            _ = pipeline | beam.Create(self._shards(), reshuffle=False) | Materialize(transform, report)
        transformed = load_report(report)
        report.unlink()
        rows = commit_shards(uri, transformed.shards)
        count = len(self._shards())
        context.logger.info(
            "transformed %d of %d shards; earlier runs had transformed the others", count - transformed.reused, count
        )
        if transformed.unknown_labels:
            context.logger.warning("left out %d examples with unknown labels", transformed.unknown_labels)
        self.transformed_examples.write_ingestion(Ingestion(columns=dict(types), rows=rows))
        self.transformed_examples.properties.update(self.examples.properties)
        self.transformed_examples.properties["split_names"] = json.dumps(sorted(rows))

    def _kept(
        self, context: Context, family: "Family", raw: "RawFeatures", label: "LabelSpec"
    ) -> "KeptTransformed | None":
        """Where transformed shards are kept; nowhere where the next data will change what becomes of each."""
        from components.transforms.materialize import KeptTransformed

        materializes = self._materializes(family)
        if materializes and family.analyzers():
            return None
        facts = [sha256(path) for path in sorted(self.transform_graph.facts.iterdir())] if materializes else None
        model = self.model if materializes else None
        settings = key_of(code=context.code, model=model, facts=facts, features=raw, label=label)
        return KeptTransformed(Partials(context.partials), settings)

    def _shards(self) -> "list[RawShard]":
        from components.transforms.materialize import RawShard

        return [
            RawShard(split, place, str(path), digest)
            for split in self.examples.splits()
            for place, (path, digest) in enumerate(
                zip(self.examples.shards(split), self.examples.shard_digests(split), strict=True)
            )
        ]


def _feature_type(dtype: "tf.DType") -> FeatureType:
    """How values are stored; a row of pixels, uint8, is one string of bytes."""
    if dtype.name in ("string", "uint8"):
        return "BYTES"
    return "FLOAT" if dtype.is_floating else "INT"


def _row_shape(output: "tf.Tensor | tf.RaggedTensor") -> list[int] | None:
    """A row's shape, None for a list of varying length."""
    import tensorflow as tf

    return None if isinstance(output, tf.RaggedTensor | tf.RaggedTensorSpec) else output.shape[1:].as_list()
