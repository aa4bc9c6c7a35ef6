"""What networks must know of the training split's pictures: a size that suits them, and the moments of their pixels."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from models.analyzer import Analyzer

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf

    from models.analyzer import Facts, RawBatch

SIDE: Final = 64
"""Pixels are counted in pictures of this size: what normalization needs hardly depends on it, memory does."""

LONGEST: Final = 1024
"""Sides are counted one by one up to this many pixels, and together beyond."""

USUAL: Final = 0.9
"""Share of the pictures that are at most as large as the size that is chosen."""

SMALLEST: Final = 8
"""Least side that is chosen."""


def _zeros(*shape: int) -> "np.ndarray":
    import numpy as np

    return np.zeros(shape, np.int64)


@dataclass
class PictureSums:
    """Sums over pictures, all of whole numbers, so that every order of adding gives the same.

    Args:
        sides: how many pictures have a height, and a width, of so many pixels, `(2, LONGEST + 1)`.
        sums, squares: of the pixels of each channel and of grey, `(4,)`.
        pixels: how many pixels that is.
        colored: pictures in which channels differ.
    """

    sides: "np.ndarray" = field(default_factory=lambda: _zeros(2, LONGEST + 1))
    sums: "np.ndarray" = field(default_factory=lambda: _zeros(4))
    squares: "np.ndarray" = field(default_factory=lambda: _zeros(4))
    pixels: int = 0
    colored: int = 0


class PictureMoments(Analyzer[PictureSums]):
    """Facts `image_shape`, int64 `(3,)`: height, width, channels; `image_mean` and `image_std`, float32 `(channels,)`.

    The size, unless it is given, is one that nine of ten pictures do not exceed, rounded up to whole eights of pixels
    where it is large, and within a limit. There is one channel where all pictures are grey. Mean and deviation are of
    pixels from 0 to 255, each picture resized to 64x64 and so counted alike.

    Args:
        feature: the raw feature.
        size: height and width, or None to find them.
        largest: longest side that is found.
        channels: 1 or 3, or None to find them.
    """

    def __init__(
        self, feature: str, *, size: tuple[int, int] | None = None, largest: int = 224, channels: int | None = None
    ) -> None:
        self._feature, self._size, self._largest, self._channels = feature, size, largest, channels

    def create(self) -> PictureSums:
        return PictureSums()

    def prepare(self, batch: "RawBatch") -> "Mapping[str, tf.Tensor]":
        import tensorflow as tf

        from models.images.decoding import DecodeImages, to_grey

        colors, headers = DecodeImages(SIDE, SIDE, 3, tf.int64.max).with_headers(batch[self._feature])
        turned = headers.orientation >= 5
        heights = tf.where(turned, headers.width, headers.height)
        widths = tf.where(turned, headers.height, headers.width)
        spread = tf.reduce_max(colors, axis=3) - tf.reduce_min(colors, axis=3)
        pixels = tf.cast(tf.concat([colors, to_grey(colors)], axis=3), tf.int64)
        return {
            "sides": tf.minimum(tf.stack([heights, widths]), LONGEST),
            "sums": tf.reduce_sum(pixels, axis=(0, 1, 2)),
            "squares": tf.reduce_sum(pixels * pixels, axis=(0, 1, 2)),
            "colored": tf.reduce_sum(tf.cast(tf.reduce_any(spread > 0, axis=(1, 2)), tf.int64)),
        }

    def add(self, accumulator: PictureSums, prepared: "Mapping[str, np.ndarray]") -> PictureSums:
        import numpy as np

        accumulator.sides += [np.bincount(sides, minlength=LONGEST + 1) for sides in prepared["sides"]]
        accumulator.sums += prepared["sums"]
        accumulator.squares += prepared["squares"]
        accumulator.pixels += prepared["sides"].shape[1] * SIDE * SIDE
        accumulator.colored += int(prepared["colored"])
        return accumulator

    def merge(self, accumulators: Iterable[PictureSums]) -> PictureSums:
        total = self.create()
        for one in accumulators:
            total.sides += one.sides
            total.sums += one.sums
            total.squares += one.squares
            total.pixels += one.pixels
            total.colored += one.colored
        return total

    def dump(self, accumulator: PictureSums) -> "Mapping[str, np.ndarray]":
        import numpy as np

        numbers = np.array([accumulator.pixels, accumulator.colored], np.int64)
        return {
            "sides": accumulator.sides,
            "sums": accumulator.sums,
            "squares": accumulator.squares,
            "numbers": numbers,
        }

    def load(self, arrays: "Mapping[str, np.ndarray]") -> PictureSums:
        pixels, colored = arrays["numbers"].tolist()
        return PictureSums(arrays["sides"], arrays["sums"], arrays["squares"], pixels, colored)

    def extract(self, accumulator: PictureSums) -> "Facts":
        import numpy as np

        channels = self._channels or (3 if accumulator.colored else 1)
        of = slice(3) if channels == 3 else slice(3, 4)
        count = max(accumulator.pixels, 1)
        mean = accumulator.sums / count
        variance = np.maximum(accumulator.squares / count - mean**2, 0.0)
        height, width = self._size or (self._usual(sides) for sides in accumulator.sides)
        return {
            "image_shape": np.array([height, width, channels], np.int64),
            "image_mean": mean[of].astype(np.float32),
            "image_std": np.sqrt(variance[of]).astype(np.float32),
        }

    def _usual(self, sides: "np.ndarray") -> int:
        """A length that nine of ten sides do not exceed, within the limits."""
        import numpy as np

        length = int(np.searchsorted(np.cumsum(sides), USUAL * sides.sum()))
        if length > 32:
            length = -(-length // 8) * 8
        return min(max(length, SMALLEST), self._largest)
