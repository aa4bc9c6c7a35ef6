"""Clients that ask a server all the time, over REST and gRPC, and keep what they were told."""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from tests.serving.clients import Served

QUESTIONS: Final = (
    "why was my card charged again after the refund",
    "the parcel is still not on my doorstep",
    "I can never login with my new password",
    "please help the page shows an error",
)
PAUSE: Final = 0.02
"""Seconds between two calls of a client."""

Fingerprint = tuple[str, tuple[float, ...]]
"""A question and the scores of its answer, which tell models apart."""


@dataclass(frozen=True)
class Answered:
    """An answer.

    Args:
        asked: when the call was made, in seconds since the epoch.
        answered: when it came back.
        version: the one that gRPC names; REST does not.
    """

    asked: float
    answered: float
    fingerprint: Fingerprint
    version: int | None = None


@dataclass
class Clients:
    """What clients of one model were told."""

    answers: list[Answered] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def versions(self) -> dict[Fingerprint, set[int]]:
        """Which versions gave an answer, as gRPC has it."""
        found: dict[Fingerprint, set[int]] = defaultdict(set)
        for answer in self.answers:
            if answer.version is not None:
                found[answer.fingerprint].add(answer.version)
        return dict(found)


@contextmanager
def asking(served: Served, model: str) -> Iterator[Clients]:
    """A client over REST and one over gRPC, until the block ends. Neither tries again what failed."""
    from serving.protos import predict_pb2  # isort: skip - before anything imports TensorFlow
    import grpc
    from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

    from serving.tensors import to_array, to_proto

    def over_rest(question: str) -> tuple[tuple[float, ...], None]:
        answer = served.ask("POST", f"/v1/models/{model}:predict", json.dumps({"instances": [question]}))
        assert answer.status == 200, answer
        return tuple(answer.json["predictions"][0]["scores"]), None

    with grpc.insecure_channel(f"127.0.0.1:{served.port}") as channel:
        stub = PredictionServiceStub(channel)

        def over_grpc(question: str) -> tuple[tuple[float, ...], int]:
            request = predict_pb2.PredictRequest()
            request.model_spec.name = model
            request.inputs["text"].CopyFrom(to_proto(np.array([question.encode()], dtype=object)))
            answer = stub.Predict(request, timeout=60)
            return tuple(to_array(answer.outputs["scores"])[0].tolist()), answer.model_spec.version.value

        clients, over = Clients(), threading.Event()
        threads = [threading.Thread(target=_ask_on, args=(ask, clients, over)) for ask in (over_rest, over_grpc)]
        for thread in threads:
            thread.start()
        try:
            yield clients
        finally:
            over.set()
            for thread in threads:
                thread.join()


def _ask_on(
    ask: Callable[[str], tuple[tuple[float, ...], int | None]], clients: Clients, over: threading.Event
) -> None:
    number = 0
    while not over.wait(PAUSE):
        question, asked = QUESTIONS[number % len(QUESTIONS)], time.time()
        number += 1
        try:
            scores, version = ask(question)
        except Exception as error:
            clients.failures.append(f"{asked}: {error!r}")
            continue
        exact = tuple(np.float32(scores).tolist())  # REST has the shortest decimal of it
        clients.answers.append(Answered(asked, time.time(), (question, exact), version))
