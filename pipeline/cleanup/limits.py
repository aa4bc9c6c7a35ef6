"""How much is kept whatever else is true of it."""

from dataclasses import dataclass

from pipeline.tables import duration
from schemas.errors import ConfigError
from schemas.period import seconds_of


@dataclass(frozen=True)
class Limits:
    """What is too young, or among the newest, to go.

    Args:
        keep_runs: newest runs of each pipeline whose artifacts, logs and curves stay.
        keep_versions: newest pushed versions of each model that stay.
        older_than: seconds; what is younger stays.
    """

    keep_runs: int = 10
    keep_versions: int = 3
    older_than: float = 30 * 86_400

    @property
    def age(self) -> str:
        """`older_than` in words."""
        days = self.older_than / 86_400
        return f"{days:g} days" if days >= 1 else duration(self.older_than)


def age_of(text: str) -> int:
    """Seconds of a period such as `30d`; of `0`, none: everything is old then.

    Raises:
        ConfigError: it is no period.
    """
    if text.strip() == "0":
        return 0
    try:
        return seconds_of(text)
    except ValueError as error:
        raise ConfigError(f"`--older-than`: {error}") from error
