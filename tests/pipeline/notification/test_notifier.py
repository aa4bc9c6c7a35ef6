"""News reach those who want them, and what hinders that is one warning without secrets."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.notification import delivery
from pipeline.notification.news import News, news_of
from pipeline.notification.notifier import Notifier
from schemas.config import NotifyConfig
from schemas.errors import ConfigError
from schemas.verdict import RuleVerdict, Verdict

VERDICT = Verdict(
    rules=(
        RuleVerdict(rule="accuracy", expected="at least 0.9", found="0.81 <of> 200 & more", verdict="failed"),
        RuleVerdict(rule="rows", expected="1", found="9", verdict="passed"),
        RuleVerdict(rule="nul_byte", expected="0", found="1", verdict="failed", severity="warning"),
    )
)
TOLD = {
    "run_id": "20261126-030000-abcd",
    "metrics": {"accuracy": 0.81, "loss": 0.5},
    "pushed_version": 3,
    "pushed_path": "/srv/served/news/3",
    "components": [{"name": "Pusher", "status": "executed"}],
}


def refused() -> News:
    told = {**TOLD, "pushed_version": None, "components": [{"name": "Evaluator", "status": "executed"}]}
    return news_of(
        told,
        pipeline="news",
        event="refused",
        workspace=Path("/srv/.trainworks"),
        verdicts={"Evaluator": VERDICT},
        reason="cron: 2026-11-26 03:00:00Z",
        detail="refused: 1 of 3 rules failed",
    )


def send(tmp_path: Path, news: News, **config: Any) -> None:
    notifier = Notifier(NotifyConfig.model_validate(config), tmp_path)
    assert notifier.wants(news.event)
    notifier.send(news)
    notifier.wait(30)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "_FIRST_WAIT", 0.01)


@pytest.fixture
def webhook(tmp_path: Path, slack: Any) -> dict[str, str]:
    (tmp_path / "hook").write_text(f"http://127.0.0.1:{slack.port}/services/T0/B0/secret\n")
    return {"url_file": "hook"}


def test_a_refusal_is_told_with_rules_and_numbers_in_slacks_form(
    tmp_path: Path, slack: Any, webhook: dict[str, str]
) -> None:
    send(tmp_path, refused(), webhook=webhook)
    assert slack.got == [
        {
            "text": "*news: refused by Evaluator*\n"
            "run 20261126-030000-abcd\n"
            "started by cron: 2026-11-26 03:00:00Z\n"
            "Evaluator: accuracy: expected at least 0.9, found 0.81 &lt;of&gt; 200 &amp; more\n"
            "accuracy 0.8100  loss 0.5000\n"
            "Nothing was pushed: what is served stays. Mend the data, the pipeline or the rule.\n"
            "More: trainworks show 20261126-030000-abcd --workspace /srv/.trainworks"
        }
    ]


def test_a_success_is_mailed(tmp_path: Path, post_office: Any) -> None:
    news = news_of(TOLD, pipeline="news", event="succeeded", workspace=Path("/srv/.trainworks"), verdicts={})
    email = {
        "host": "127.0.0.1",
        "port": post_office.port,
        "security": "none",
        "sender": "trainworks@example.org",
        "to": ["ann@example.org", "bob@example.org"],
    }
    send(tmp_path, news, email=email)
    (mail,) = post_office.got
    assert (mail["Subject"], mail["From"]) == ("news: succeeded, version 3 pushed", "trainworks@example.org")
    assert mail["To"] == "ann@example.org, bob@example.org"
    assert mail.get_content().splitlines() == [
        "run 20261126-030000-abcd",
        "accuracy 0.8100  loss 0.5000",
        "pushed /srv/served/news/3",
        "More: trainworks show 20261126-030000-abcd --workspace /srv/.trainworks",
    ]


def test_what_may_pass_is_tried_again(tmp_path: Path, slack: Any, post_office: Any, webhook: dict[str, str]) -> None:
    slack.answers, post_office.answers = [503, 429], [451, 421]
    email = {"host": "127.0.0.1", "port": post_office.port, "security": "none", "sender": "a@b", "to": ["c@d"]}
    send(tmp_path, refused(), webhook=webhook, email=email)
    assert (len(slack.got), slack.calls) == (1, 3)
    assert (len(post_office.got), post_office.calls) == (1, 3)


def test_what_will_not_pass_is_said_once_without_the_address(
    tmp_path: Path, slack: Any, post_office: Any, webhook: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    slack.answers, post_office.answers = [404], [550]
    email = {"host": "127.0.0.1", "port": post_office.port, "security": "none", "sender": "a@b", "to": ["c@d"]}
    send(tmp_path, refused(), webhook=webhook, email=email)
    assert (slack.calls, post_office.calls) == (1, 1)
    assert sorted(record.getMessage() for record in caplog.records if record.levelname == "WARNING") == [
        "news: the mail server 127.0.0.1 could not be told: SMTP status 550",
        "news: the webhook at 127.0.0.1 could not be told: HTTP status 404",
    ]
    assert "secret" not in caplog.text


def test_who_gets_no_mail_is_said_and_the_others_get_it_once(
    tmp_path: Path, post_office: Any, caplog: pytest.LogCaptureFixture
) -> None:
    email = {"host": "127.0.0.1", "port": post_office.port, "security": "none", "sender": "a@b"}
    send(tmp_path, refused(), email={**email, "to": ["nobody@d", "c@d"]})
    assert (len(post_office.got), post_office.calls) == (1, 1)
    assert caplog.messages == ["news: the mail server 127.0.0.1 could not be told: it refuses mail to nobody@d"]


def test_a_mail_that_was_taken_is_not_sent_again_whatever_the_server_says_after_it(
    tmp_path: Path, post_office: Any, caplog: pytest.LogCaptureFixture
) -> None:
    post_office.farewell = "421 too busy to say good-bye"
    email = {"host": "127.0.0.1", "port": post_office.port, "security": "none", "sender": "a@b", "to": ["c@d"]}
    send(tmp_path, refused(), email=email)
    assert (len(post_office.got), post_office.calls, caplog.messages) == (1, 1, [])


def test_nobody_is_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "hook").write_text("http://127.0.0.1:9/services/secret")
    send(tmp_path, refused(), webhook={"url_file": "hook", "retries": 2})
    assert caplog.messages == ["news: the webhook at 127.0.0.1 could not be told: ConnectError"]


def test_an_address_that_is_none_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "hook").write_text("http://127.0.0.1:port/services/secret")
    send(tmp_path, refused(), webhook={"url_file": "hook", "retries": 2})
    assert caplog.messages == ["news: the webhook at 127.0.0.1 could not be told: the address is none"]


def test_only_what_is_wanted_is_told(tmp_path: Path, slack: Any, webhook: dict[str, Any]) -> None:
    notifier = Notifier(NotifyConfig.model_validate({"webhook": {**webhook, "on": ["failed"]}}), tmp_path)
    notifier.send(refused())
    notifier.wait(10)
    assert (notifier.wants("refused"), notifier.wants("failed"), slack.calls) == (False, True, 0)


def test_a_server_without_starttls_gets_no_password(
    tmp_path: Path, post_office: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", "hunter2")
    email = {
        "host": "127.0.0.1",
        "port": post_office.port,
        "user": "me",
        "password_env": "MAIL_PASSWORD",
        "sender": "a@b",
        "to": ["c@d"],
    }
    send(tmp_path, refused(), email=email)
    assert (post_office.got, post_office.calls) == ([], 0)
    assert "could not be told: SMTPNotSupportedError" in caplog.text and "hunter2" not in caplog.text


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"url_file": "none"}, "`notify.webhook.url_file` must be a text file that can be read. Received: "),
        ({"url_file": "empty"}, "`notify.webhook.url_file` must hold something. Received: "),
        (
            {"url_env": "NO_SUCH"},
            "`notify.webhook.url_env` must name an environment variable that is set. Received: NO",
        ),
        ({"url_file": "half"}, "The address of `notify.webhook` must begin with https://"),
        ({"url_file": "ftp"}, "The address of `notify.webhook` must begin with https://"),
    ],
)
def test_a_secret_that_is_not_there(tmp_path: Path, config: dict[str, str], words: str) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "ftp").write_text("ftp://host/hunter2")
    (tmp_path / "half").write_text("https://[hunter2")
    with pytest.raises(ConfigError) as caught:
        Notifier(NotifyConfig.model_validate({"webhook": config}), tmp_path)
    assert str(caught.value).startswith(words) and "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"webhook": {}}, "one of `url_file` and `url_env` must be given"),
        ({"webhook": {"url_file": "a", "url_env": "B"}}, "one of `url_file` and `url_env` must be given"),
        ({"webhook": {"url_file": "a", "on": []}}, "at least 1 item"),
        ({"email": {"host": "h", "sender": "a@b", "to": ["c@d"], "user": "me"}}, "`user` goes along with one of"),
        ({"email": {"host": "h", "sender": "a@b", "to": ["nobody"]}}, "a mail address must be such as"),
        ({"email": {"host": "h", "sender": "a@b", "to": ["c@d\nBcc: x@y"]}}, "a mail address must be such as"),
        (
            {
                "email": {
                    "host": "h",
                    "sender": "a@b",
                    "to": ["c@d"],
                    "user": "u",
                    "password_env": "P",
                    "security": "none",
                }
            },
            "for all to read",
        ),
    ],
)
def test_sections_that_contradict_themselves(config: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        NotifyConfig.model_validate(config)
