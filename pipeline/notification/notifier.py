"""Who is told of which end of a run."""

import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from pipeline.notification.delivery import Undelivered
from pipeline.notification.email import Email
from pipeline.notification.news import News
from pipeline.notification.webhook import Webhook
from schemas.config.notify import NotifyConfig

_log = logging.getLogger(__name__)


class Notifier:
    """Sends news, each in a thread of its own, so that nobody waits for a server that does not answer.

    Args:
        base: folder that relative paths start from.

    Raises:
        ConfigError: a secret is not there.
    """

    def __init__(self, config: NotifyConfig | None, base: Path) -> None:
        webhook, email = (config.webhook, config.email) if config else (None, None)
        self._ways: Sequence[Webhook | Email] = [
            *([Webhook(webhook, base)] if webhook else []),
            *([Email(email, base)] if email else []),
        ]
        self._threads: list[threading.Thread] = []

    def wants(self, event: str) -> bool:
        return any(event in way.config.on for way in self._ways)

    def send(self, news: News) -> None:
        """Begins to send the news to all who want it."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        for way in self._ways:
            if news.event in way.config.on:
                thread = threading.Thread(target=_send, args=(way, news), name="notify", daemon=True)
                thread.start()
                self._threads.append(thread)

    def wait(self, seconds: float) -> None:
        """Until all is sent, or given up, or so much time has passed."""
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(end - time.monotonic(), 0))


def _send(way: Webhook | Email, news: News) -> None:
    try:
        way.send(news)
    except Undelivered as error:
        _log.warning("%s: %s could not be told: %s", news.pipeline, way.name, error)
    except Exception as error:
        _log.warning("%s: %s could not be told: %s", news.pipeline, way.name, type(error).__name__)
