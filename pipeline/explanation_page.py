"""Explanations as one HTML page that needs nothing else, and runs nothing."""

import base64
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import Final

from models.images.header import image_format
from pipeline.explanation import Explanation

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>Where the answers come from</title>
<style>
body {{ font: 17px/1.7 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; color: #222; }}
h2 {{ font-size: 1.1rem; margin: 2.5rem 0 .5rem; }}
p.text {{ white-space: pre-wrap; overflow-wrap: anywhere; }}
mark {{ border-radius: .2em; padding: .1em 0; color: inherit; }}
table {{ border-collapse: collapse; font-size: .9rem; }}
td {{ padding: .1rem 1rem .1rem 0; }} td.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
small {{ color: #666; }}
figure {{ position: relative; display: inline-block; margin: 0; }}
figure img {{ display: block; width: 20rem; image-rendering: auto; }}
figure img.heat {{ position: absolute; inset: 0; width: 100%; height: 100%; }}
</style>
</head>
<body>
<h1>Where the answers come from</h1>
<p><small>{legend}</small></p>
{body}
</body>
</html>
"""
_FOR: Final = "46, 160, 67"
_AGAINST: Final = "248, 81, 73"
_TEXTS: Final = (
    f'<mark style="background: rgba({_FOR}, .7)">green</mark> speaks for the answer,'
    f' <mark style="background: rgba({_AGAINST}, .7)">red</mark> against it; the stronger,'
    " the more (integrated gradients)."
)
_PICTURES: Final = "The redder a place, the more the answer comes from there (Grad-CAM)."


def page(explained: Iterable[Explanation], *, top: int) -> str:
    """The page. `top` is the number of words that are listed for a text."""
    found = list(explained)
    legend = _PICTURES if any(explanation.heat_map for explanation in found) else _TEXTS
    return _PAGE.format(legend=legend, body="\n".join(line for one in found for line in _section(one, top)))


def _section(explanation: Explanation, top: int) -> Iterator[str]:
    yield f"<section>\n<h2>{escape(explanation.headline)}</h2>"
    if explanation.heat_map:
        yield _figure(explanation)
    else:
        yield f'<p class="text" dir="auto">{"".join(_marked(explanation))}</p>\n<table>'
        for word in explanation.strongest(top):
            yield f'<tr><td dir="auto">{escape(word.text)}</td><td class="number">{word.attribution:+.3f}</td></tr>'
        yield f"</table>\n<p><small>{escape(explanation.balance)}</small></p>"
    yield "</section>"


def _marked(explanation: Explanation) -> Iterator[str]:
    """The text with its words colored."""
    text, at = explanation.shown, 0
    for word in explanation.words:
        yield escape(text[at : word.start])
        color = _FOR if word.attribution > 0 else _AGAINST
        opacity = f"{0.8 * abs(explanation.strength(word)):.3f}"
        yield f'<mark title="{word.attribution:+.4f}" style="background: rgba({color}, {opacity})">'
        yield f"{escape(text[word.start : word.end])}</mark>"
        at = word.end
    yield escape(text[at:])


def _figure(explanation: Explanation) -> str:
    """The file as it is, since a browser turns it as its camera was held, and the heat over it."""
    import numpy as np
    import tensorflow as tf

    heat = np.array(explanation.heat_map, np.float32)[..., None]
    red = np.broadcast_to(np.array([255.0, 0.0, 0.0], np.float32), (*heat.shape[:2], 3))
    pixels = np.concatenate([red, 180.0 * heat], axis=-1).astype(np.uint8)
    return (
        f'<figure><img alt="" src="{_data(Path(explanation.shown).read_bytes())}">'
        f'<img class="heat" alt="" src="{_data(tf.io.encode_png(pixels).numpy())}"></figure>'
        f"\n<p>{escape(explanation.shown)}</p>"
    )


def _data(content: bytes) -> str:
    """An address that holds the picture."""
    return f"data:image/{image_format(content)};base64,{base64.b64encode(content).decode()}"
