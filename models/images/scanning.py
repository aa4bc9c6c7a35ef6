"""Headers of encoded pictures, read in the graph: a whole batch at once, and nothing decoded.

It follows `models/images/header.py` step by step, so that what a pipeline lets in, the served model takes. All formats
are chains of blocks that name their own length; the chains of a batch are walked side by side, in as many rounds as the
longest chain has blocks.
"""

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

import tensorflow as tf

from models.images.header import MAX_BLOCKS, MAX_TAGS

FORMATS: Final = ("jpeg", "png", "bmp", "gif", "webp")
"""The place of a format here is its number in the graph."""

JPEG, PNG, BMP, GIF, WEBP = range(len(FORMATS))
_UNKNOWN, _RUN = -1, 64

_Step = tuple[tf.Tensor, list[tf.Tensor]]


class Headers(NamedTuple):
    """What the headers of a batch say; every field has the shape `(batch_size,)`.

    Args:
        encoded: string, the pictures; of animations, the first frame as a picture of its own.
        format: int32, an index into FORMATS, -1 for what is no picture.
        width, height: int64, as stored; 0 where the header is broken.
        channels: int32, as `ImageHeader` counts them, and 4 for every PNG with transparent pixels.
        orientation: int32, EXIF's, 1 to 8.
        palette: int32, bytes before the color table of a BMP of 8 bits a pixel; 0 for all others.
    """

    encoded: tf.Tensor
    format: tf.Tensor
    width: tf.Tensor
    height: tf.Tensor
    channels: tf.Tensor
    orientation: tf.Tensor
    palette: tf.Tensor


def scan(encoded: tf.Tensor) -> Headers:
    """The headers of encoded pictures, string `(batch_size,)`."""
    start = bytes_at(encoded, tf.zeros_like(tf.strings.length(encoded)), 30)
    format = _format(start)
    nothing = tf.zeros_like(format)
    found = Headers(
        encoded, format, tf.cast(nothing, tf.int64), tf.cast(nothing, tf.int64), nothing, nothing + 1, nothing
    )
    for number, read in enumerate((_jpeg, _png, _bmp, _gif, _webp)):
        found = _of_format(number, read, start, found)
    return found


def bytes_at(encoded: tf.Tensor, place: tf.Tensor, size: int) -> tf.Tensor:
    """Bytes from a place of each string on, int32 `(batch_size, size)`; zeros beyond its end."""
    place = tf.clip_by_value(place, 0, tf.strings.length(encoded))
    piece = tf.strings.substr(encoded, place, tf.fill(tf.shape(place), size))
    return tf.cast(tf.ensure_shape(tf.io.decode_raw(piece, tf.uint8, fixed_length=size), (None, size)), tf.int32)


def _of_format(
    number: int, read: Callable[[tf.Tensor, tf.Tensor], Headers], start: tf.Tensor, found: Headers
) -> Headers:
    """Headers with those of one format filled in; costs nothing where the batch has none of it."""
    mine = tf.equal(found.format, number)

    def filled() -> Headers:
        # What is of another format is read as an empty string, which ends every walk at once.
        read_here = read(_pictures(mine, found.encoded, ""), start)
        chosen = Headers(*map(partial(tf.where, mine), read_here, found))
        return chosen._replace(encoded=_pictures(mine, read_here.encoded, found.encoded))

    return Headers(*tf.cond(tf.reduce_any(mine), filled, lambda: found))


def _pictures(mine: tf.Tensor, ours: tf.Tensor, others: "tf.Tensor | str") -> tf.Tensor:
    """`tf.where` of encoded pictures, which copies none if all are ours."""
    return tf.cond(tf.reduce_all(mine), lambda: tf.identity(ours), lambda: tf.where(mine, ours, others))


def _format(start: tf.Tensor) -> tf.Tensor:
    def begins(magic: bytes, place: int = 0) -> tf.Tensor:
        return tf.reduce_all(tf.equal(start[:, place : place + len(magic)], tf.constant(list(magic))), axis=1)

    webp = begins(b"RIFF") & begins(b"WEBP", 8)
    tests = (begins(b"\xff\xd8\xff"), begins(b"\x89PNG\r\n\x1a\n"), begins(b"BM"), begins(b"GIF8"), webp)
    format = tf.fill(tf.shape(webp), _UNKNOWN)
    for number, test in enumerate(tests):
        format = tf.where(test, number, format)
    return format


def _big(block: tf.Tensor, place: int, size: int) -> tf.Tensor:
    """A big-endian number, int64 `(batch_size,)`."""
    return _little(tf.reverse(block[:, place : place + size], (1,)), 0, size)


def _little(block: tf.Tensor, place: int, size: int) -> tf.Tensor:
    """A little-endian number, int64 `(batch_size,)`."""
    weights = tf.constant([256**power for power in range(size)], tf.int64)
    return tf.reduce_sum(tf.cast(block[:, place : place + size], tf.int64) * weights, axis=1)


def _step(place: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """The place after a block; lengths that no string has are cut so that they stay numbers of 32 bits."""
    return place + tf.cast(tf.minimum(length, 1 << 30), tf.int32)


def _named(block: tf.Tensor, place: int, name: bytes) -> tf.Tensor:
    return tf.reduce_all(tf.equal(block[:, place : place + len(name)], tf.constant(list(name))), axis=1)


def _walk(step: Callable[..., _Step], place: tf.Tensor, *state: tf.Tensor) -> list[tf.Tensor]:
    """Takes a step in every chain until all have ended, or MAX_BLOCKS were seen.

    Args:
        step: from places and state to new places, negative for a chain that has ended, and new state.
        place: where chains begin, int32 `(batch_size,)`, negative for none.
        state: what is kept, each `(batch_size, ...)`.
    """

    def go(place: tf.Tensor, *state: tf.Tensor) -> list[tf.Tensor]:
        going = place >= 0
        after, changed = step(tf.maximum(place, 0), *state)
        kept = [tf.where(going, new, old) for new, old in zip(changed, state, strict=True)]
        return [tf.where(going & (after > place), after, -1), *kept]

    shapes = [place.shape for _ in (place, *state)]
    _, *state = tf.while_loop(
        lambda place, *_: tf.reduce_any(place >= 0), go, [place, *state], shapes, maximum_iterations=MAX_BLOCKS
    )
    return list(state)


def _jpeg(encoded: tf.Tensor, start: tf.Tensor) -> Headers:
    zero = tf.zeros_like(start[:, 0])

    def step(place: tf.Tensor, frame: tf.Tensor, exif: tf.Tensor, size: tf.Tensor) -> _Step:
        block = bytes_at(encoded, place, 10)
        marker, after = block[:, 1], _step(place, 2 + _big(block, 2, 2))
        valid = tf.equal(block[:, 0], 0xFF)
        is_exif = valid & tf.equal(marker, 0xE1) & _named(block, 4, b"Exif\0\0")
        is_frame = valid & (marker >= 0xC0) & (marker <= 0xCF) & (marker != 0xC4) & (marker != 0xC8) & (marker != 0xCC)
        ends = is_frame | ~valid | tf.equal(marker, 0xD9) | tf.equal(marker, 0xDA)
        exif, size = tf.where(is_exif, place + 10, exif), tf.where(is_exif, after - place - 10, size)
        after = tf.where(ends, -1, tf.where(tf.equal(marker, 0xFF), place + 1, after))
        return after, [tf.where(is_frame, place, frame), exif, size]

    frame, exif, size = _walk(step, zero + 2, zero, zero, zero)
    block = bytes_at(encoded, frame, 10) * tf.cast(_within(encoded, frame, 10), tf.int32)[:, None]
    width, height, orientation = _big(block, 7, 2), _big(block, 5, 2), _orientation(encoded, exif, size)
    return Headers(encoded, zero + JPEG, width, height, block[:, 9], orientation, zero)


def _within(encoded: tf.Tensor, place: tf.Tensor, size: int) -> tf.Tensor:
    """Whether a block was found and is there in full."""
    return (place > 0) & (place + size <= tf.strings.length(encoded))


def _png(encoded: tf.Tensor, start: tf.Tensor) -> Headers:
    zero = tf.zeros_like(start[:, 0])

    def step(place: tf.Tensor, clear: tf.Tensor, exif: tf.Tensor, size: tf.Tensor) -> _Step:
        block = bytes_at(encoded, place, 8)
        length = _big(block, 0, 4)
        is_exif = _named(block, 4, b"eXIf")
        exif, size = tf.where(is_exif, place + 8, exif), tf.where(is_exif, _step(zero, length), size)
        clear = tf.where(_named(block, 4, b"tRNS"), 1, clear)
        ends = _named(block, 4, b"IDAT") | (place + 8 > tf.strings.length(encoded))
        return tf.where(ends, -1, _step(place, 12 + length)), [clear, exif, size]

    clear, exif, size = _walk(step, zero + 8, zero, zero, zero)
    valid = tf.cast(_named(start, 12, b"IHDR") & (tf.strings.length(encoded) >= 26), tf.int64)
    channels = tf.gather(_PNG_CHANNELS, tf.minimum(start[:, 25], 7))
    valid *= tf.cast(channels > 0, tf.int64)
    channels = tf.where(clear > 0, 4, channels)
    orientation = _orientation(encoded, exif, size)
    return Headers(
        encoded, zero + PNG, valid * _big(start, 16, 4), valid * _big(start, 20, 4), channels, orientation, zero
    )


_PNG_CHANNELS: Final = [1, 0, 3, 3, 2, 0, 4, 0]
"""By the color type; 0 for those that there are not."""


def _bmp(encoded: tf.Tensor, start: tf.Tensor) -> Headers:
    zero = tf.zeros_like(start[:, 0])
    more = bytes_at(encoded, zero + 28, 6)
    size, bits, compression = _little(start, 14, 4), more[:, 0] + 256 * more[:, 1], _little(more, 2, 4)
    drawn = tf.equal(bits, 8) | tf.equal(bits, 24) | tf.equal(bits, 32)
    valid = (
        (tf.strings.length(encoded) >= 34)
        & (size >= 40)
        & drawn
        & (tf.equal(compression, 0) | tf.equal(compression, 3))
    )
    width, height = (tf.where(valid, _signed(start, place), 0) for place in (18, 22))
    palette = tf.where(tf.equal(bits, 8), _step(zero + 14, size), 0)
    return Headers(encoded, zero + BMP, width, tf.abs(height), zero + 3, zero + 1, palette)


def _signed(block: tf.Tensor, place: int) -> tf.Tensor:
    number = _little(block, place, 4)
    return tf.where(number >= 1 << 31, number - (1 << 32), number)


def _gif(encoded: tf.Tensor, start: tf.Tensor) -> Headers:
    zero = tf.zeros_like(start[:, 0])
    within = tf.range(_RUN)[None, :]

    def step(place: tf.Tensor, chain: tf.Tensor, frame: tf.Tensor, end: tf.Tensor) -> _Step:
        window = bytes_at(encoded, place, 256 * _RUN)
        size = window[:, 0]
        # Chains of data mostly have blocks of one size: as many as lie in the window are one step.
        alike = tf.gather(window, within * (size[:, None] + 1), batch_dims=1)
        run = tf.reduce_sum(tf.math.cumprod(tf.cast(tf.equal(alike, size[:, None]), tf.int32), axis=1), axis=1)
        chained = tf.where(size > 0, place + run * (size + 1), place + 1)
        is_frame = tf.equal(chain, 0) & tf.equal(size, 0x2C)
        opened = tf.where(is_frame, place + 11 + _color_table(window[:, 9]), place + 2)
        broken = tf.equal(chain, 0) & (size != 0x2C) & (size != 0x21)
        done = tf.equal(chain, 2) & tf.equal(size, 0)
        opening = tf.where(is_frame, 2, 1)
        within_chain = tf.where(size > 0, chain, 0)
        return (
            tf.where(broken | done, -1, tf.where(chain > 0, chained, opened)),
            [
                tf.where(chain > 0, within_chain, opening),
                tf.where(is_frame, place, frame),
                tf.where(done, place + 1, end),
            ],
        )

    _, frame, end = _walk(step, 13 + _color_table(start[:, 10]), zero, zero, zero)
    block = bytes_at(encoded, frame + 5, 4) * tf.cast(end > 0, tf.int32)[:, None]
    first = tf.strings.join([tf.strings.substr(encoded, 0 * end, end), tf.where(end > 0, ";", "")])
    return Headers(first, zero + GIF, _little(block, 0, 2), _little(block, 2, 2), zero + 3, zero + 1, zero)


def _color_table(flags: tf.Tensor) -> tf.Tensor:
    """Bytes of the color table that flags announce."""
    return tf.where(flags >= 0x80, tf.bitwise.left_shift(3, tf.bitwise.bitwise_and(flags, 7) + 1), 0)


def _webp(encoded: tf.Tensor, start: tf.Tensor) -> Headers:
    zero = tf.zeros_like(start[:, 0])
    extended, lossless, lossy = (_named(start, 12, name) for name in (b"VP8X", b"VP8L", b"VP8 "))
    flags = tf.where(extended, start[:, 20], 0)
    frame, exif, size = _webp_chunks(encoded, tf.where(tf.bitwise.bitwise_and(flags, 0x0A) > 0, 12, -1))
    animated = tf.bitwise.bitwise_and(flags, 2) > 0
    canvas = tf.where(animated[:, None], bytes_at(encoded, frame + 14, 6), start[:, 24:30])
    size_is_there = tf.strings.length(encoded) >= tf.where(animated, frame + 20, tf.where(lossless, 25, 30))
    complete = tf.cast(size_is_there & (~animated | (frame > 0)), tf.int64)
    packed = _little(start, 21, 4)
    width = tf.where(extended, _little(canvas, 0, 3) + 1, tf.where(lossless, _bits(packed, 0, 14) + 1, 0))
    height = tf.where(extended, _little(canvas, 3, 3) + 1, tf.where(lossless, _bits(packed, 14, 14) + 1, 0))
    alpha = tf.where(extended, _bits(flags, 4, 1), tf.where(lossless, tf.cast(_bits(packed, 28, 1), tf.int32), 0))
    return Headers(
        tf.where(animated, _first_frame(encoded, frame, flags), encoded),
        zero + WEBP,
        complete * tf.where(lossy, _bits(_little(start, 26, 2), 0, 14), width),
        complete * tf.where(lossy, _bits(_little(start, 28, 2), 0, 14), height),
        3 + alpha,
        _orientation(encoded, exif, size),
        zero,
    )


def _bits(number: tf.Tensor, lowest: int, count: int) -> tf.Tensor:
    return number // (1 << lowest) % (1 << count)


def _webp_chunks(encoded: tf.Tensor, place: tf.Tensor) -> list[tf.Tensor]:
    """Where the first frame's chunk and EXIF's payload begin, 0 for nowhere, and the payload's size."""
    zero = tf.zeros_like(place)

    def step(place: tf.Tensor, frame: tf.Tensor, exif: tf.Tensor, size: tf.Tensor) -> _Step:
        block = bytes_at(encoded, place, 8)
        length = _little(block, 4, 4)
        is_frame = _named(block, 0, b"ANMF") & tf.equal(frame, 0)
        is_exif = _named(block, 0, b"EXIF") & tf.equal(exif, 0)
        exif, size = tf.where(is_exif, place + 8, exif), tf.where(is_exif, _step(zero, length), size)
        after = tf.where(place + 8 > tf.strings.length(encoded), -1, _step(place, 8 + length + length % 2))
        return after, [tf.where(is_frame, place, frame), exif, size]

    return _walk(step, place, zero, zero, zero)


def _first_frame(encoded: tf.Tensor, frame: tf.Tensor, flags: tf.Tensor) -> tf.Tensor:
    """The frame whose chunk begins at a place, as a still WebP: its own chunks behind a header of the frame's size.

    TensorFlow's DecodeImage ends the process where it is given an animated one and told not to expand it.
    """
    length = _step(tf.zeros_like(frame), _little(bytes_at(encoded, frame + 4, 4), 0, 4))
    at = tf.minimum(frame + 24, tf.strings.length(encoded))
    chunks = tf.strings.substr(encoded, at, tf.maximum(length - 16, 0))
    canvas = tf.strings.substr(encoded, tf.minimum(frame + 14, tf.strings.length(encoded)), tf.fill(tf.shape(at), 6))
    alpha = tf.where(tf.bitwise.bitwise_and(flags, 0x10) > 0, b"\x10", b"\0")
    size = 4 + 18 + tf.strings.length(chunks)
    digits = [tf.gather(_BYTES, tf.bitwise.bitwise_and(tf.bitwise.right_shift(size, 8 * i), 255)) for i in range(4)]
    return tf.strings.join(["RIFF", *digits, "WEBPVP8X\n\0\0\0", alpha, "\0\0\0", canvas, chunks])


_BYTES: Final = [bytes([number]) for number in range(256)]


def _orientation(encoded: tf.Tensor, place: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """EXIF's orientation, int32 `(batch_size,)`, from the TIFF structure at a place; 1 where the place is 0."""

    def read() -> tf.Tensor:
        tiff = tf.strings.substr(encoded, tf.minimum(place, tf.strings.length(encoded)), tf.maximum(size, 0))
        prefixed = _named(bytes_at(tiff, 0 * place, 6), 0, b"Exif\0\0")
        tiff = tf.strings.substr(tiff, tf.where(prefixed, 6, 0), tf.maximum(size, 0))
        return _orientation_in(tiff)

    return tf.cond(tf.reduce_any(place > 0), read, lambda: tf.ones_like(place))


def _orientation_in(tiff: tf.Tensor) -> tf.Tensor:
    head = bytes_at(tiff, tf.zeros_like(tf.strings.length(tiff)), 8)
    little, big = _named(head, 0, b"II*\0"), _named(head, 0, b"MM\0*")
    place = _step(tf.zeros_like(head[:, 0]), tf.where(little, _little(head, 4, 4), _big(head, 4, 4)))
    directory = bytes_at(tiff, place, 2 + 12 * MAX_TAGS)
    count = tf.where(little, _little(directory, 0, 2), _big(directory, 0, 2))
    entries = tf.reshape(directory[:, 2:], (-1, MAX_TAGS, 12))
    entries = tf.where(little[:, None, None], tf.gather(entries, _SWAPPED, axis=2), entries)
    whole = (tf.strings.length(tiff) - place - 2)[:, None] // 12
    tag, kind, value = (256 * entries[:, :, at] + entries[:, :, at + 1] for at in (0, 2, 8))
    number = tf.range(MAX_TAGS)[None, :]
    is_orientation = tf.equal(tag, 0x0112) & tf.equal(kind, 3) & (value >= 1) & (value <= 8)
    is_orientation &= (number < tf.cast(count, tf.int32)[:, None]) & (number < whole) & (little | big)[:, None]
    first = tf.argmax(tf.cast(is_orientation, tf.int32), axis=1)
    return tf.where(tf.reduce_any(is_orientation, axis=1), tf.gather(value, first, batch_dims=1), 1)


_SWAPPED: Final = [1, 0, 3, 2, 4, 5, 6, 7, 9, 8, 10, 11]
"""Of an entry of a little-endian directory, the bytes that are read, as a big-endian one has them."""
