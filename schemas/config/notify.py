"""Section `notify`: who is told how a run ended."""

from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.config.section import Section

Event = Literal["succeeded", "refused", "failed"]
"""The end of a run: it came through, a gate said no, or a step failed."""

_ALL: tuple[Event, ...] = ("succeeded", "refused", "failed")


class WebhookConfig(Section):
    """A message to Slack, or to whatever takes Slack's incoming webhooks: a POST of `{"text": ...}`.

    The address is a secret, and so stands in a file or an environment variable.
    """

    url_file: str | None = None
    """A file that holds the address, relative to the pipeline file."""

    url_env: str | None = None
    """An environment variable that does."""

    on: tuple[Event, ...] = Field(default=_ALL, min_length=1)
    """Which ends are told."""

    timeout_seconds: float = Field(default=10.0, gt=0, le=300)
    """How long an attempt may take."""

    retries: int = Field(default=4, ge=0, le=20)
    """How often an attempt that failed is repeated, after waits that grow."""

    @model_validator(mode="after")
    def _has_one_address(self) -> Self:
        if (self.url_file is None) == (self.url_env is None):
            raise ValueError("one of `url_file` and `url_env` must be given")
        return self


class EmailConfig(Section):
    """A mail by SMTP. A password stands in a file or an environment variable, and goes over TLS only."""

    host: str
    """The mail server."""

    port: int = Field(default=587, ge=1, le=65_535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    """TLS from the first byte (port 465, mostly), after the command STARTTLS (587), or never (25)."""

    user: str | None = None
    password_file: str | None = None
    """A file that holds the user's password, relative to the pipeline file."""

    password_env: str | None = None
    """An environment variable that does."""

    sender: str
    """The address that the mail comes from."""

    to: tuple[str, ...] = Field(min_length=1)
    """The addresses that it goes to."""

    on: tuple[Event, ...] = Field(default=_ALL, min_length=1)
    """Which ends are told."""

    timeout_seconds: float = Field(default=10.0, gt=0, le=300)
    """How long an attempt may take."""

    retries: int = Field(default=4, ge=0, le=20)
    """How often an attempt that failed is repeated, after waits that grow."""

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        passwords = [self.password_file, self.password_env].count(None)
        if passwords != (2 if self.user is None else 1):
            raise ValueError("`user` goes along with one of `password_file` and `password_env`, and they with it")
        if self.user is not None and self.security == "none":
            raise ValueError("`security: none` would send the password for all to read")
        if strange := [
            address for address in (self.sender, *self.to) if "@" not in address or not address.isprintable()
        ]:
            raise ValueError(f"a mail address must be such as name@example.org. Received: {strange[0]!r}")
        return self


class NotifyConfig(Section):
    """Who is told when a run ends: of `trainworks schedule`, and of `trainworks run --notify`."""

    webhook: WebhookConfig | None = None
    email: EmailConfig | None = None
