"""A version of a model that answers: checks requests against signatures, and runs them.

Conditions, codes and, where clients look at them, words are those of TF Serving's
servables/tensorflow/{predict_util,classifier,regressor}.cc.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np

from serving.batching.batcher import Batcher, BatchRecord
from serving.batching.options import BatchingOptions
from serving.errors import Code, ServingError
from serving.interface import Array, Classes
from serving.models.program import Input, Program, Signature
from serving.tensors import type_name
from serving.watcher import Watcher

_PREDICT: Final = "tensorflow/serving/predict"
_CLASSIFY: Final = "tensorflow/serving/classify"
_REGRESS: Final = "tensorflow/serving/regress"
_CLASSES, _SCORES, _VALUES = "classes", "scores", "outputs"


class TensorflowServable:
    """Answers of a program; see serving/interface.py.

    Args:
        name: the model's.
        version: which one it is.
        program: the loaded SavedModel.
        batching: how calls are joined; None for each by itself.
        observe: told of every batch.
    """

    def __init__(
        self,
        name: str,
        version: int,
        program: Program,
        batching: BatchingOptions | None = None,
        observe: Callable[[BatchRecord], None] | None = None,
    ) -> None:
        self.name, self.version = name, version
        self._program = program
        self._watchers: tuple[Watcher, ...] = ()
        self._batchers: dict[str, Batcher] = {}
        if batching is not None:
            for signature_name, signature in program.signatures.items():
                if signature.has_open_rows:
                    run = partial(program.run, signature_name, outputs=tuple(signature.outputs))
                    self._batchers[signature_name] = Batcher(run, batching, observe)

    @property
    def meta_graph(self) -> Any:
        """The MetaGraphDef."""
        return self._program.meta_graph

    def inputs(self, signature_name: str) -> Mapping[str, int]:
        """Alias to member of TensorFlow's DataType.

        Raises:
            ServingError: FAILED_PRECONDITION, there is no such signature.
        """
        return self._known(signature_name).types

    def predict(
        self, signature_name: str, inputs: Mapping[str, Array], output_filter: Sequence[str]
    ) -> dict[str, Array]:
        """Outputs by alias.

        Raises:
            ServingError: FAILED_PRECONDITION for an unknown signature, INVALID_ARGUMENT for inputs or outputs that it
                does not have, or what the graph itself fails with.
        """
        signature = self._known(signature_name)
        if signature.method_name not in (_PREDICT, _CLASSIFY, _REGRESS):
            raise ServingError(
                Code.INVALID_ARGUMENT,
                f"Expected prediction signature method_name to be one of {{{_PREDICT}, {_CLASSIFY}, {_REGRESS}}}."
                f" Was: {signature.method_name}",
            )
        _check_names(inputs, signature)
        for alias, array in inputs.items():
            _check_input(alias, array, signature.inputs[alias])
        outputs = self._run(signature_name, inputs, _outputs(output_filter, signature))
        for watcher in self._watchers:
            watcher.predicted(self.name, self.version, signature_name, inputs, outputs)
        return outputs

    def classify(self, signature_name: str, examples: Sequence[bytes]) -> Classes:
        """Classes of serialized tf.Example.

        Raises:
            ServingError: INVALID_ARGUMENT for a signature that is unknown or does not classify, and for examples that
                it cannot parse.
        """
        signature = self._signature_for(signature_name, "classification", _CLASSIFY)
        if not 1 <= len(signature.outputs) <= 2:
            raise _wrong(f"Expected one or two output Tensors, found {len(signature.outputs)}")
        if unknown := sorted(signature.outputs.keys() - {_CLASSES, _SCORES}):
            raise _wrong(
                f"Expected classification signature outputs to be among {{{_CLASSES},{_SCORES}}}. Was: {unknown}"
            )
        found = self._run(signature_name, _fed(signature, examples), tuple(signature.outputs))
        labels, scores = found.get(_CLASSES), found.get(_SCORES)
        if labels is not None:
            _check_output(_CLASSES, labels, np.dtype(object), len(examples))
        if scores is not None:
            _check_output(_SCORES, scores, np.dtype(np.float32), len(examples))
        if labels is not None and scores is not None and labels.shape != scores.shape:
            raise _wrong(f"Expected class and score Tensors of one shape. Were: {labels.shape} and {scores.shape}")
        classes = Classes(labels, scores)
        for watcher in self._watchers:
            watcher.classified(self.name, self.version, signature_name, examples, classes)
        return classes

    def regress(self, signature_name: str, examples: Sequence[bytes]) -> Array:
        """A value for each serialized tf.Example.

        Raises:
            ServingError: as for `classify`.
        """
        signature = self._signature_for(signature_name, "regression", _REGRESS)
        if list(signature.outputs) != [_VALUES]:
            raise _wrong(f"Expected one output Tensor, `{_VALUES}`. Was: {sorted(signature.outputs)}")
        values = self._run(signature_name, _fed(signature, examples), (_VALUES,))[_VALUES]
        if values.dtype != np.float32:
            raise _wrong(f"Expected output Tensor of DT_FLOAT. Was: {values.dtype}")
        if values.shape not in ((len(examples),), (len(examples), 1)):
            raise _wrong(
                f"Expected output Tensor shape to be [{len(examples)}] or [{len(examples)},1]. Was: {values.shape}"
            )
        values = values.reshape(-1)
        for watcher in self._watchers:
            watcher.regressed(self.name, self.version, signature_name, examples, values)
        return values

    def is_quick(self, signature_name: str) -> bool:
        """See serving/interface.py."""
        signature = self._program.signatures.get(signature_name)
        return signature is not None and signature.is_quick and signature_name not in self._batchers

    def tell(self, watchers: Sequence[Watcher]) -> None:
        """Tells of what it is asked from now on."""
        self._watchers = tuple(watchers)

    def unwatched(self) -> "TensorflowServable":
        """The same program behind one that tells nobody what it is asked."""
        twin = copy.copy(self)
        twin._watchers = ()
        return twin

    def close(self) -> None:
        """Gives the memory back. No call may be under way."""
        for batcher in self._batchers.values():
            batcher.close()
        self._program.close()

    def _run(self, name: str, inputs: Mapping[str, Array], outputs: tuple[str, ...]) -> dict[str, Array]:
        batcher = self._batchers.get(name)
        if batcher is None:
            return self._program.run(name, inputs, outputs)
        answer = batcher.run(inputs)
        return {alias: answer[alias] for alias in outputs}

    def _known(self, name: str) -> Signature:
        signature = self._program.signatures.get(name)
        if signature is None:
            raise ServingError(Code.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
        return signature

    def _signature_for(self, name: str, what: str, method_name: str) -> Signature:
        signature = self._program.signatures.get(name)
        if signature is None:
            raise _wrong(f"No signature was found with the name: {name}")
        if signature.method_name != method_name:
            raise _wrong(f"Expected {what} signature method_name to be {method_name}. Was: {signature.method_name}")
        if len(signature.inputs) != 1:
            raise _wrong("Expected one input Tensor.")
        return signature


def _check_names(inputs: Mapping[str, Array], signature: Signature) -> None:
    if inputs.keys() == signature.inputs.keys():
        return
    extra, missing = sorted(inputs.keys() - signature.inputs.keys()), sorted(signature.inputs.keys() - inputs.keys())
    if len(inputs) == len(signature.inputs):
        raise _wrong(
            f"input tensor alias not found in signature: {extra[0]}."
            f" Inputs expected to be in the set {_set(sorted(signature.inputs))}."
        )
    raise _wrong(
        f"input size does not match signature: {len(inputs)}!={len(signature.inputs)}"
        f" len({_set(sorted(inputs))}) != len({_set(sorted(signature.inputs))})."
        f" Sent extra: {_set(extra)}. Missing but required: {_set(missing)}."
    )


def _check_input(alias: str, array: Array, wanted: Input) -> None:
    if array.dtype != wanted.dtype:
        raise _wrong(f"Input `{alias}` must be {type_name(wanted.type)}. Received: {type_name(array.dtype)}")
    if wanted.shape is None:
        return
    if len(wanted.shape) == array.ndim:
        for size, given in zip(wanted.shape, array.shape, strict=True):
            if size not in (given, -1):
                break
        else:
            return
    raise _wrong(f"Input `{alias}` must have shape {_shape(wanted.shape)}. Received: {_shape(array.shape)}")


def _check_output(alias: str, array: Array, dtype: np.dtype[Any], rows: int) -> None:
    if array.dtype != dtype:
        raise _wrong(f"Expected {alias} Tensor of {type_name(dtype)}. Was: {type_name(array.dtype)}")
    if array.ndim != 2 or array.shape[0] != rows:
        raise _wrong(f"Expected Tensor shape: [{rows} num_classes] for `{alias}` but got {_shape(array.shape)}")


def _outputs(wanted: Sequence[str], signature: Signature) -> tuple[str, ...]:
    if not wanted:
        return signature.all_outputs
    for alias in wanted:
        if alias not in signature.outputs:
            raise _wrong(
                f"output tensor alias not found in signature: {alias}"
                f" Outputs expected to be in the set {_set(sorted(signature.outputs))}."
            )
    return tuple(dict.fromkeys(wanted))


def _fed(signature: Signature, examples: Sequence[bytes]) -> dict[str, Array]:
    array = np.empty(len(examples), object)
    array[:] = examples
    return dict.fromkeys(signature.inputs, array)


def _wrong(message: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, message)


def _set(names: Sequence[str]) -> str:
    return "{" + ",".join(names) + "}"


def _shape(sizes: Sequence[int]) -> str:
    return "[" + ",".join(str(size) if size >= 0 else "?" for size in sizes) + "]"
