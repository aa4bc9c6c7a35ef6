"""News by mail."""

import contextlib
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path

from pipeline.notification.delivery import Undelivered, retried
from pipeline.notification.news import News
from pipeline.notification.secret import read_secret
from pipeline.notification.text import lines, subject
from schemas.config.notify import EmailConfig


class Email:
    """A mail server and those who get mail.

    Raises:
        ConfigError: the password is not there.
    """

    def __init__(self, config: EmailConfig, base: Path) -> None:
        self.config = config
        self._password = ""
        if config.user is not None:
            files = {"file": config.password_file, "variable": config.password_env}
            self._password = read_secret("notify.email.password", **files, base=base)
        self.name = f"the mail server {config.host}"

    def send(self, news: News) -> None:
        """Sends the news.

        Raises:
            Undelivered: the last attempt failed.
        """
        message = mail(news, self.config)
        retried(lambda: self._send(message), self.config.retries)

    def _send(self, message: EmailMessage) -> None:
        try:
            with contextlib.closing(self._connected()) as server:
                if self.config.user is not None:
                    server.login(self.config.user, self._password)
                refused = server.send_message(message)
                with contextlib.suppress(smtplib.SMTPException):  # it has the mail, whatever it answers now
                    server.quit()
        except smtplib.SMTPResponseException as error:
            raise Undelivered(f"SMTP status {error.smtp_code}", again=error.smtp_code < 500) from None
        except smtplib.SMTPRecipientsRefused as error:
            again = all(code < 500 for code, _ in error.recipients.values())
            raise Undelivered(f"it refuses mail to {', '.join(error.recipients)}", again=again) from None
        except OSError as error:  # all of SMTP's exceptions are
            final = isinstance(error, smtplib.SMTPException) and not isinstance(error, smtplib.SMTPServerDisconnected)
            again = not final and not isinstance(error, ssl.SSLError)
            raise Undelivered(f"{type(error).__name__}: {error}", again=again) from None
        if refused:  # the others have it
            raise Undelivered(f"it refuses mail to {', '.join(refused)}", again=False)

    def _connected(self) -> smtplib.SMTP:
        config = self.config
        context = ssl.create_default_context()
        if config.security == "tls":
            return smtplib.SMTP_SSL(config.host, config.port, timeout=config.timeout_seconds, context=context)
        server = smtplib.SMTP(config.host, config.port, timeout=config.timeout_seconds)
        if config.security == "starttls":
            try:
                server.starttls(context=context)
            except BaseException:
                server.close()
                raise
        return server


def mail(news: News, config: EmailConfig) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = subject(news)
    message["From"], message["To"] = config.sender, ", ".join(config.to)
    message["Date"], message["Message-ID"] = formatdate(localtime=True), make_msgid(domain="trainworks.invalid")
    message.set_content("\n".join(lines(news)) + "\n")
    return message
