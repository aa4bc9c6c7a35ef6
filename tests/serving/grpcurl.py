"""A command of grpcurl's, done as grpcurl does it: by the server's reflection, JSON in and JSON out."""

import json
import shlex
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase


def answer_to(command: str) -> dict[str, Any]:
    """The answer to `grpcurl -plaintext -d JSON HOST:PORT SERVICE/METHOD`."""
    program, plaintext, data, content, address, name = shlex.split(command)
    assert (program, plaintext, data) == ("grpcurl", "-plaintext", "-d")
    service, _, method = name.rpartition("/")
    with grpc.insecure_channel(address) as channel:
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        described = pool.FindServiceByName(service).FindMethodByName(method)
        request, response = (GetMessageClass(one) for one in (described.input_type, described.output_type))
        call = channel.unary_unary(
            f"/{name}", request_serializer=request.SerializeToString, response_deserializer=response.FromString
        )
        answered = call(json_format.Parse(content, request(), descriptor_pool=pool), timeout=30)
    return dict(json.loads(json_format.MessageToJson(answered, preserving_proto_field_name=True, descriptor_pool=pool)))
