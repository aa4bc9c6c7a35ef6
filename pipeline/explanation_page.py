"""Explanations as one HTML page that needs nothing else, and runs nothing."""

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path

from models.images.header import image_format
from pipeline.explanation import Explanation, Word
from pipeline.templating import templates


def page(explained: Iterable[Explanation], *, top: int) -> str:
    """The page. `top` is the number of words that are listed for a text."""
    found = [
        (one, [] if one.heat_map else [(name, list(_pieces(one, name))) for name in one.row], _images(one))
        for one in explained
    ]
    template = templates("pages", html=True).get_template("explanation.html")
    return template.render(
        explained=found,
        top=top,
        pictures=any(images for _, _, images in found),
        shares=any(one.shares for one, _, _ in found),
    )


def _pieces(explanation: Explanation, name: str) -> Iterator[tuple[str, Word | None]]:
    """A text cut up: words that are colored, and what stands between them."""
    text, at = explanation.row[name], 0
    for word in explanation.words_of(name):
        yield text[at : word.start], None
        yield text[word.start : word.end], word
        at = word.end
    yield text[at:], None


def _images(explanation: Explanation) -> tuple[str, ...]:
    """Of a picture, the file as it is, since a browser turns it as its camera was held, and the heat to lay over it."""
    if not explanation.heat_map:
        return ()
    import numpy as np
    import tensorflow as tf

    heat = np.array(explanation.heat_map, np.float32)[..., None]
    red = np.broadcast_to(np.array([255.0, 0.0, 0.0], np.float32), (*heat.shape[:2], 3))
    pixels = np.concatenate([red, 180.0 * heat], axis=-1).astype(np.uint8)
    return _data(Path(explanation.shown).read_bytes()), _data(tf.io.encode_png(pixels).numpy())


def _data(content: bytes) -> str:
    """An address that holds the picture."""
    return f"data:image/{image_format(content)};base64,{base64.b64encode(content).decode()}"
