"""What a daemon tells the person who started it: a line an event, on standard error."""

import logging

_FORMAT = "%(asctime)s %(message)s"


def tell_events() -> None:
    """Shows what this package logs, and warnings of everybody else."""
    logging.basicConfig(format=_FORMAT, datefmt="%Y-%m-%d %H:%M:%S", level=logging.WARNING)
    logging.getLogger(__package__).setLevel(logging.INFO)
