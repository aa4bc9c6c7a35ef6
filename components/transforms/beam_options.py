"""Beam's own options, checked before Beam takes them.

Beam ends the process over a bad value, and drops an option that it does not know with no more than a line in the log.
"""

import argparse
import difflib
from collections.abc import Sequence

from apache_beam.options.pipeline_options import PipelineOptions

from schemas.config import BeamConfig
from schemas.errors import ConfigError


def beam_options(config: BeamConfig) -> PipelineOptions:
    """The options of a pipeline.

    Beam's own check of type hints is off: mypy has read them, and Beam does not know abstract generic classes.

    Raises:
        ConfigError: an option has a value that Beam does not take, or is unknown. Flink, Spark and portable runners may
            know options that this machine does not; those go to them as they are.
    """
    known = _Known()
    unknown = known.parse(config.options)
    if unknown and config.runner in ("direct", "dataflow"):
        raise ConfigError(_unknown(unknown[0], known.names))
    return PipelineOptions(flags=list(config.options), pipeline_type_check=False)


class _Known(argparse.ArgumentParser):
    """Every option that Beam, and the runners installed with it, declare."""

    def __init__(self) -> None:
        super().__init__(allow_abbrev=False, add_help=False)
        for kind in dict.fromkeys(PipelineOptions.__subclasses__()):
            kind._add_argparse_args(self)

    @property
    def names(self) -> list[str]:
        return sorted(name for name in self._option_string_actions if name.startswith("--"))

    def add_value_provider_argument(self, *names: str, **settings: object) -> None:
        """Beam's options for templates: their values are given later, so any will do."""
        self.add_argument(names[0] if names[0].startswith("-") else f"--{names[0]}", nargs="?")

    def parse(self, options: Sequence[str]) -> list[str]:
        """Options that are not known.

        Raises:
            ConfigError: a value is not of the option's type, or lacks.
        """
        return self.parse_known_args(list(options))[1]

    def error(self, message: str) -> None:  # type: ignore[override]
        raise ConfigError(f"`beam.options` must be options that Beam takes: {message}")


def _unknown(option: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(option.partition("=")[0], names, n=1)
    hint = f" Did you mean `{close[0]}`?" if close else ""
    return (
        "`beam.options` must be options that Beam knows, each `--name=value` as an entry of its own. Received:"
        f" {option}.{hint}"
    )
