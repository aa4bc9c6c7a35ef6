"""A client that asks what is right while others do not."""

import http.client
import json
import statistics
import threading
import time
from types import TracebackType
from typing import Final

import grpc
import numpy as np

from serving.protos import predict_pb2
from serving.tensors import to_array, write
from tests.serving.clients import Served

_PATH: Final = "/v1/models/half_plus_two:predict"
_METHOD: Final = "/tensorflow.serving.PredictionService/Predict"
_RIGHT: Final = [2.5, 3.0, 4.5]
_PAUSE_SECONDS: Final = 0.005
_TIMEOUT_SECONDS: Final = 60


class Neighbour:
    """Asks over REST and gRPC in turn, in a thread of its own, as long as the block goes on.

    Args:
        served: whom it asks.
    """

    def __init__(self, served: Served) -> None:
        self._served, self._over = served, threading.Event()
        self._seconds: list[float] = []
        self._thread = threading.Thread(target=self._ask_on)
        self.error: Exception | None = None
        """What went wrong; it asks no more then."""

    def __enter__(self) -> "Neighbour":
        self._thread.start()
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def quiet_median(self, answers: int) -> float:
        """Seconds that an answer takes now: the median of so many more."""
        start = len(self._seconds)
        while len(self._seconds) < start + answers and self._thread.is_alive():
            time.sleep(_PAUSE_SECONDS)
        return statistics.median(self._seconds[start:])

    def slowest_of(self, answers: int) -> float:
        """Seconds of the slowest of all answers; there were at least so many."""
        assert len(self._seconds) >= answers
        return max(self._seconds)

    def _ask_on(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._served.rest_port, timeout=_TIMEOUT_SECONDS)
        try:
            with grpc.insecure_channel(f"127.0.0.1:{self._served.port}") as channel:
                call = channel.unary_unary(_METHOD)
                while not self._over.is_set():
                    start = time.perf_counter()
                    assert _rest_answer(connection) == _RIGHT
                    middle = time.perf_counter()
                    assert _grpc_answer(call) == _RIGHT
                    self._seconds += (middle - start, time.perf_counter() - middle)
                    time.sleep(_PAUSE_SECONDS)
        except Exception as error:
            self.error = error
        finally:
            connection.close()


def _rest_answer(connection: http.client.HTTPConnection) -> object:
    connection.request("POST", _PATH, b'{"instances": [1.0, 2.0, 5.0]}')
    return json.loads(connection.getresponse().read())["predictions"]


def _grpc_answer(call: "grpc.UnaryUnaryMultiCallable[bytes, bytes]") -> object:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "half_plus_two"
    write(request.inputs["x"], np.float32([1.0, 2.0, 5.0]))
    answered = call(request.SerializeToString(), timeout=_TIMEOUT_SECONDS)
    return to_array(predict_pb2.PredictResponse.FromString(answered).outputs["y"]).tolist()
