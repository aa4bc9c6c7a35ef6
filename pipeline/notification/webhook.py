"""News to a webhook, in the form of Slack's: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks"""

import logging
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.notification.delivery import Undelivered, retried
from pipeline.notification.news import News
from pipeline.notification.secret import read_secret
from pipeline.notification.text import lines, subject
from schemas.config.notify import WebhookConfig
from schemas.errors import ConfigError


class Webhook:
    """A webhook whose address is known.

    Raises:
        ConfigError: the address is not there, or is none of HTTP.
    """

    def __init__(self, config: WebhookConfig, base: Path) -> None:
        self.config = config
        self._url = read_secret("notify.webhook.url", file=config.url_file, variable=config.url_env, base=base)
        host = _host(self._url)
        if not host:
            raise ConfigError("The address of `notify.webhook` must begin with https:// (or http://), and name a host.")
        self.name = f"the webhook at {host}"  # the rest of the address is the secret

    def send(self, news: News) -> None:
        """Sends the news.

        Raises:
            Undelivered: the last attempt failed; the message does not hold the address.
        """
        retried(lambda: self._post(news), self.config.retries)

    def _post(self, news: News) -> None:
        import httpx

        logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log the address
        try:
            with httpx.stream("POST", self._url, json=payload(news), timeout=self.config.timeout_seconds) as answer:
                pass  # what it says beside the status is not read, however long
        except httpx.InvalidURL:
            raise Undelivered("the address is none", again=False) from None
        except httpx.HTTPError as error:
            raise Undelivered(type(error).__name__, again=True) from None  # its text may hold the address
        if not answer.is_success:
            again = answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error
            raise Undelivered(f"HTTP status {answer.status_code}", again=again)


def _host(url: str) -> str:
    """The host of an address of HTTP; empty for any other text."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts.hostname or "" if parts.scheme in ("http", "https") else ""


def payload(news: News) -> dict[str, str]:
    """The body: a bold subject and lines, in Slack's `mrkdwn`."""
    body = "\n".join(_escaped(line) for line in lines(news))
    return {"text": f"*{_escaped(subject(news))}*\n{body}"}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
