"""Errors that belong to a person: each owns its exit code, and says rule, expectation, found, what to do."""

from typing import ClassVar


class TrainworksError(Exception):
    """A step failed for a reason that can be named. The terminal shows the message, the log file the traceback."""

    exit_code: ClassVar[int] = 1


class ConfigError(TrainworksError):
    """The command, the pipeline file or a file it names is wrong.

    Most is found before anything runs; what only data or a library can tell, by the step that meets it first.
    """

    exit_code = 2


class DataError(TrainworksError):
    """The data cannot be read as the pipeline file says (missing file or column, empty file, header only).

    The step that reads it finds this; steps before it have run.
    """

    exit_code = 2


class RefusalError(TrainworksError):
    """A step keeps to what was decided before: a model that was rolled back is not pushed again, say.

    As when a gate says no, nothing is broken, and nothing after the step is run.
    """

    exit_code = 3


class TrainingError(TrainworksError):
    """Training stopped for a reason a person can act on (a NaN loss, say)."""
