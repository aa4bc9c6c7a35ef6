"""Templates of files and pages that ship with the pipeline, by Jinja2."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def templates(folder: str, *, html: bool) -> "Environment":
    """The templates in a folder of this package; a name that a template does not know is an error.

    Args:
        html: what is filled in is escaped.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("pipeline", folder),
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
