"""TFRecord files, written and read without TensorFlow.

A record is its length (uint64), the length's masked CRC-32C, the bytes, the bytes' masked CRC-32C, all little-endian:
https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details. `google_crc32c` computes it in
hardware, which makes this writer as fast as TensorFlow's own and spares its users TensorFlow's import.
"""

import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import BinaryIO

import google_crc32c

MAX_RECORD_BYTES = 256 << 20
"""Longest record that is read; a longer length is taken for corruption."""


_checksum = google_crc32c.value
_pack_crc = struct.Struct("<I").pack
_pack_length = struct.Struct("<Q").pack


class CorruptRecordError(ValueError):
    """A TFRecord file is truncated or damaged; the message says at which record, counted from 1."""


class CutRecordError(CorruptRecordError):
    """A TFRecord file ends in half a record, as it does while it is written, and after whoever wrote it was killed."""


def masked_crc(data: bytes) -> bytes:
    """CRC-32C of `data`, rotated and offset as the format asks, 4 bytes."""
    crc = _checksum(data)
    return _pack_crc(((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


@lru_cache(maxsize=1 << 15)
def record_header(length: int) -> bytes:
    """The 12 bytes before a record; cached, since texts' lengths repeat."""
    packed = _pack_length(length)
    return packed + masked_crc(packed)


def write_record(file: BinaryIO, record: bytes) -> None:
    """Appends one record. Raises an OSError where the disk does (it is full, say)."""
    file.write(record_header(len(record)))
    file.write(record)
    file.write(masked_crc(record))


def read_records(file: BinaryIO) -> Iterator[bytes]:
    """The records of an open TFRecord file. Raises a `CorruptRecordError` for what is not one."""
    number = 0
    while header := file.read(12):
        number += 1
        if len(header) < 12:
            raise CutRecordError(f"record {number} is cut off")
        (length,) = struct.unpack("<Q", header[:8])
        if header[8:] != masked_crc(header[:8]) or length > MAX_RECORD_BYTES:
            raise CorruptRecordError(f"record {number} has a damaged length")
        body = file.read(length + 4)
        if len(body) < length + 4:
            raise CutRecordError(f"record {number} is cut off")
        record = body[:length]
        if body[length:] != masked_crc(record):
            raise CorruptRecordError(f"record {number} does not match its checksum")
        yield record
