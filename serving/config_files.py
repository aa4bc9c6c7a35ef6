"""TF Serving's configuration files, protobuf messages as text.

`tensorflow-serving-api` ships ModelServerConfig; SSLConfig, MonitoringConfig and BatchingParameters it leaves out, so
they are declared here, with the names and numbers of tensorflow_serving/config/{ssl,monitoring}_config.proto and
servables/tensorflow/session_bundle_config.proto.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2

from schemas.errors import ConfigError
from serving.protos import model_server_config_pb2

_MAX_BYTES: Final = 1 << 20
_WRAPPERS: Final = "google/protobuf/wrappers.proto"
_INT64: Final = ".google.protobuf.Int64Value"
_REPEATED: Final = "repeated int64"

_MESSAGES: Final[Mapping[str, Mapping[str, tuple[int, str]]]] = {
    "SSLConfig": {
        "server_key": (1, "string"),
        "server_cert": (2, "string"),
        "custom_ca": (3, "string"),
        "client_verify": (4, "bool"),
    },
    "PrometheusConfig": {"enable": (1, "bool"), "path": (2, "string")},
    "MonitoringConfig": {"prometheus_config": (1, ".tensorflow.serving.PrometheusConfig")},
    "BatchingParameters": {
        "max_batch_size": (1, _INT64),
        "batch_timeout_micros": (2, _INT64),
        "max_enqueued_batches": (3, _INT64),
        "num_batch_threads": (4, _INT64),
        "thread_pool_name": (5, ".google.protobuf.StringValue"),
        "allowed_batch_sizes": (6, _REPEATED),
        "pad_variable_length_inputs": (7, "bool"),
        "enable_large_batch_splitting": (8, ".google.protobuf.BoolValue"),
        "max_execution_batch_size": (9, _INT64),
    },
}
"""Message to field, to its number and type; what begins with a dot is another message."""


def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="trainworks/serving/config_files.proto",
        package="tensorflow.serving",
        dependency=[_WRAPPERS],
        syntax="proto3",
    )
    types = descriptor_pb2.FieldDescriptorProto
    known = {"string": types.TYPE_STRING, "bool": types.TYPE_BOOL, _REPEATED: types.TYPE_INT64}
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, type_name) in fields.items():
            label = types.LABEL_REPEATED if type_name == _REPEATED else types.LABEL_OPTIONAL
            added = message.field.add(name=field, number=number, label=label)
            if type_name in known:
                added.type = known[type_name]
            else:
                added.type, added.type_name = types.TYPE_MESSAGE, type_name
    pool = descriptor_pool.DescriptorPool()  # of its own, for a program may have the originals, too
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    full = pool.FindMessageTypeByName
    return {name: message_factory.GetMessageClass(full(f"{file.package}.{name}")) for name in _MESSAGES}


_CLASSES: Final = _classes()
SSLConfig: Final = _CLASSES["SSLConfig"]
MonitoringConfig: Final = _CLASSES["MonitoringConfig"]
BatchingParameters: Final = _CLASSES["BatchingParameters"]
ModelServerConfig: Final = model_server_config_pb2.ModelServerConfig


def read(path: Path, message: Any, flag: str) -> Any:
    """A message from a file.

    Args:
        path: the file.
        message: the class of the message.
        flag: the flag that named the file, for the error.

    Raises:
        ConfigError: the file cannot be read, is larger than 1 MiB, or is not the text of this message.
    """
    kind = message.DESCRIPTOR.name
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise ConfigError(f"`{flag}` must be a file of at most {_MAX_BYTES} bytes. Received: {path}, a larger one")
        return text_format.Parse(content.decode("utf-8"), message())
    except OSError as error:
        raise ConfigError(f"`{flag}` must be a file that can be read. Received: {path} ({error.strerror})") from error
    except (text_format.ParseError, UnicodeDecodeError, ValueError) as error:
        raise ConfigError(f"`{flag}` must be the text of a {kind} message. Received: {path}: {error}") from error
