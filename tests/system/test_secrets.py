"""Secrets of the environment: found, hidden in texts, kept from other commands, read from where they are not seen."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from urllib.parse import quote

import pytest

from drift.data import urls
from drift.errors import UsageError
from drift.monitor.alerts.channels.command import Command
from drift.system import secrets
from drift.tracking.connection.addresses import without_password

SECONDS = count(1 << 40)  # of a clock that no test has been at


@pytest.fixture(autouse=True)
def looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets of the environment are looked up once a second: here at every look."""
    monkeypatch.setattr(secrets, "monotonic", lambda: next(SECONDS))
    monkeypatch.setattr(secrets, "_read_secrets", set())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at https://ada:hunter2@host:5000/x", "at https://ada:***@host:5000/x"),
        ("postgresql+psycopg://u:p%40ss@db/x and http://a:b@c", "postgresql+psycopg://u:***@db/x and http://a:***@c"),
        ("https://ada@host/", "https://ada@host/"),
        ("https://:secret@host/", "https://:***@host/"),
        ("https://u:p@ss@host/", "https://u:***@host/"),
        ("x?password=abc&y=1", "x?password=***&y=1"),
        ("x?sslmode=require&token=abc", "x?sslmode=require&token=***"),
        ("at postgresql://ada:hunt/er2secret@127.0.0.1:1/db", "at postgresql://ada:***@127.0.0.1:1/db"),
        ("https://ada:a?b#c/d@e@host/x is away", "https://ada:***@host/x is away"),
        ("postgresql://ada@corp:geheim@host/db", "postgresql://ada@corp:***@host/db"),
        ("https://ghp_0123456789abcdef@host/x", "https://***@host/x"),
        ("x?access_token=abc&y=1&sslpassword=d;PWD=e&sig=f", "x?access_token=***&y=1&sslpassword=***;PWD=***&sig=***"),
        ("http://host:5000/x at 12:30, a@b", "http://host:5000/x at 12:30, a@b"),
        ("sqlite:////home/ada/a@b:c.db", "sqlite:////home/ada/a@b:c.db"),
        ("TOKEN=$(python3 -c x)", "TOKEN=$(python3 -c x)"),
        ("12:30 a@b", "12:30 a@b"),
        ("rows 1:2, mean 3@4", "rows 1:2, mean 3@4"),
        ("", ""),
    ],
)
def test_passwords_in_addresses_are_hidden(text: str, expected: str) -> None:
    assert secrets.masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "https://u:S3cr3t@host:5000/", "https://u:S3/cr3t?x#y@z@host:5000/ away", "https://u:S3cr3t@host/x?a=b@c",
        "(http://u:S3cr3t@h)", '"http://u:S3cr3t@h"', "http://u:S3cr3t@a, http://v:S3cr3t2@b", "redis://:S3cr3t@h",
        "http://host:5000/?next=http://u:S3cr3t@h", "http://ada@corp:S3/cr3t@host", "http://[::1]:80,http://u:S3cr3t@h",
        "https://S3cr3t:@host", "https://glpat-S3cr3t@host", "https://ghp_S3cr3t1@host", "https://dapiS3cr3t@host",
        "postgresql://db/x?user=a&password=S3cr3t", "postgresql://db/x?sslpassword=S3cr3t", "x?auth=S3cr3t",
        "https://x.blob.core.windows.net/c?sv=1&sig=S3cr3t", "https://s3/x?X-Amz-Signature=S3cr3t&a=b", "x?sas=S3cr3t",
        "https://host/#access_token=S3cr3t", "x?api-key=S3cr3t", "x?apikey=S3cr3t", "x?client.secret=S3cr3t",
        "x?pw=S3cr3t",        "x?clientSecret=S3cr3t", "x?jwt=S3cr3t", "x?user_password[]=S3cr3t", "x?key=S3cr3t",
        "x?a=1&amp;password=S3cr3t",
        "Authorization: Bearer S3cr3tS3cr3t", "Authorization: Basic S3cr3tS3cr3t==", '{"password": "S3cr3t"}',
        "{'access_token': 'S3 cr3t'}", "https://hooks.slack.com/services/T000/B000/S3cr3tS3cr3t",
        "https://discord.com/api/webhooks/123/S3cr3t-abc", "https://a.webhook.office.com/webhookb2/S3cr3t@x/y/z",
    ],
)  # fmt: skip
def test_secrets_of_all_forms_are_hidden(text: str) -> None:
    assert "cr3t" not in secrets.masked(text)
    assert "cr3t" not in secrets.masked(secrets.masked(text))


@pytest.mark.parametrize(
    "text",
    [
        "http://host:5000/x@y", "http://127.0.0.1:5000/#/models/m@champion", "http://[::1]:5000/x@y", "s3://bucket/x@2",
        "http://host:5000/?design=1", "https://host/monkey?key=", "?monkey=banana&keyword=x", "?compass=n",
        "?passenger=7",
        "?sort_key=name", "?assignment=3", "?token_count=7", "?keyboard=us", "?hash_key_count=3", "row key=5",
        "/monitors/1/signal?signal=day_sin", "http://host:5000/#/experiments/1?compare=a@b", "file:///a:b/c@d",
        "see https://host:5000/docs (mail me@x.org)", "http://localhost:5000 by me@host", "https://github.com/a/b@v1",
        "git+https://github.com/a/b.git@0123456789abcdef0123", "npm://scope:8080/@types/node", "https://ada@host/x@y",
        "models:/drift_model@champion", "12:30 http://host:8080 bob@host", "mlflow-artifacts://host:5000/1/a@b",
        "https://index.example/project/x:1@2", "Bearer $TOKEN", "a basic configuration", '{"token": null}', "https://ada@host:80/x@y",
        "at http://127.0.0.1:28090/monitors/1?metric=error&page=2",
    ],
)  # fmt: skip
def test_harmless_texts_stay_as_they_are(text: str) -> None:
    assert secrets.masked(text) == text


@pytest.mark.parametrize("password", ["pa ss9word", "ab c@d9efgh", "1234/x9y", " lead9ing", "tab\there9"])
def test_a_variable_that_is_one_address_may_hold_any_sign(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    """requests takes such a password, so it works in use."""
    address = f"http://u:{password}@127.0.0.1:1"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    for shown in (password, quote(password, safe=""), quote(password), password.replace(" ", "%20")):
        assert secrets.masked(f"request to http://u:{shown}@127.0.0.1:1/version failed") == (
            "request to http://u:***@127.0.0.1:1/version failed"
        )
    assert secrets.passwords_of({"X": address})


def test_what_an_option_was_given_is_hidden_from_then_on(tmp_path: Path) -> None:
    file = tmp_path / "value"
    for value, shown in {
        "postgresql://u:pa ssw0rd@h/d": "postgresql://u:***@h/d",
        "host=db password='a bS3cr3tPw' dbname=x": "***",
        "curl -H 'Authorization: Bearer S3cr3tPw http://x": "***",
    }.items():
        file.write_text(value)
        assert secrets.read_option(f"@{file}", option="--store") == value
        assert secrets.masked(f"at {value} now") == f"at {shown} now"
    assert "bS3cr3tPw" not in secrets.masked("refused: a bS3cr3tPw")
    assert urls.masked("host=db password='a b\\'c' user=u") == "host=db password=*** user=u"
    file.write_text("rows.csv")
    secrets.read_option(f"@{file}", option="SOURCE")
    assert secrets.masked("reading rows.csv") == "reading rows.csv"


def test_a_command_that_cannot_be_read_is_not_repeated() -> None:
    with pytest.raises(UsageError, match=r"got 'curl' with others: No closing quotation") as refused:
        Command("curl -H 'Authorization: Bearer S3cr3tPw http://x")
    assert "S3cr3tPw" not in str(refused.value)


def test_names_of_variables_that_hold_secrets() -> None:
    held = (
        "MYSQL_PWD SSHPASS GITHUB_PAT GH_PAT DB_PW SMTP_PWD PASSWORDS API_KEYS APP_SECRETS CREDS JWT SESSION_COOKIE"
        " REDISCLI_AUTH DOCKER_AUTH_CONFIG NPM_CONFIG__AUTH KAGGLE_KEY MASTER_KEY ENCRYPTION_KEY SIGNING_KEY SSH_KEY"
        " dbPassword PASSCODE TEAMS_HOOK SENTRY_DSN DB_PASS HF_TOKEN accessKey CONSUMER_SECRET_V2"
    )
    harmless = (
        "PWD OLDPWD PATH HOME KEYBOARD COMPASS LANG SSH_TTY PASSENGER_COUNT TOKENIZERS_PARALLELISM XAUTHORITY"
        " TOKEN_COUNT MAX_TOKENS SSH_CONNECTION DESIGN EDITOR"
    )
    assert [name for name in held.split() if not secrets.is_secret(name, "abcdefghijkl")] == []
    assert [name for name in harmless.split() if secrets.is_secret(name, "abcdefghijkl")] == []


def test_short_secrets_hide_no_parts_of_words(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "MY_TOKEN": "geh7", "DB_PASSWORD": "0.05", "X_SECRET": "drift", "PARTITION_KEY": "customer_id",
        "API_KEY": "k3y-of-mine",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    text = "drift deploy: geh7 in ungeh7t, level 0.05, by customer_id with k3y-of-mine"
    assert secrets.masked(text) == "drift deploy: *** in ungeh7t, level 0.05, by customer_id with ***"


def test_secrets_of_the_environment_are_hidden_wherever_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://ada:hunter%402@host")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "abcd1234")
    monkeypatch.setenv("PGPASSWORD", "geheim")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    monkeypatch.setenv("COMPASS", "north")
    monkeypatch.setenv("USE_TOKEN", "true")
    text = "hunter%402 hunter@2 abcd1234 geheim false north true"
    assert secrets.masked(text) == "*** *** *** *** false north true"


def test_passwords_with_signs_of_addresses_are_hidden_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client takes them as they are, though to what splits an address they are paths and queries."""
    for password in ("hunt/er2secret", "hunt?er2secret", "hunt#er2secret", "hu@nt/er2secret"):
        address = f"postgresql://ada:{password}@127.0.0.1:1/db"
        assert urls.masked(address) == secrets.masked(address) == "postgresql://ada:***@127.0.0.1:1/db"
        assert without_password(address) == "postgresql://127.0.0.1:1/db"
        monkeypatch.setenv("SOME_DATABASE", address)
        assert secrets.masked(f"refused: {password}") == "refused: ***"
        assert "SOME_DATABASE" not in secrets.environment_without_secrets()
    assert without_password("http://h/x?access_token=abc") == "http://h/x?access_token=***"
    assert without_password("sqlite:////home/ada/a@b.db") == "sqlite:////home/ada/a@b.db"
    several = {"URLS": "http://a:first@c,http://d:second@f"}
    assert {"first", "second"} <= secrets.passwords_of(several)


def test_other_commands_get_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = {
        "DRIFT_MONITOR_TOKEN": "x", "MLFLOW_TRACKING_URI": "http://h", "PGPASSWORD": "x", "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_PROFILE": "x", "GOOGLE_APPLICATION_CREDENTIALS": "/x", "AZURE_CLIENT_SECRET": "x", "GITHUB_TOKEN": "x",
        "SLACK_WEBHOOK": "x", "MY_API_KEY": "x", "DATABASE": "postgresql://u:p@h/d", "HTTPS_PROXY": "http://u:p@proxy",
    }  # fmt: skip
    for name, value in (hidden | {"EDITOR": "vi", "MY_SETTING": "7"}).items():
        monkeypatch.setenv(name, value)
    left = secrets.environment_without_secrets()
    assert not hidden.keys() & left.keys()
    assert left["EDITOR"] == "vi" and left["MY_SETTING"] == "7" and "PATH" in left
    assert secrets.environment_without_secrets(["GITHUB_TOKEN"])["GITHUB_TOKEN"] == "x"


def test_an_option_is_read_from_a_variable_or_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STORE", "postgresql://u:p@h/d")
    file = tmp_path / "url"
    file.write_text("https://hooks.example/x\n# a comment\n")
    assert secrets.read_option("env:STORE", option="--store") == "postgresql://u:p@h/d"
    assert secrets.read_option(f"@{file}", option="--webhook") == "https://hooks.example/x"
    assert secrets.read_option("m.db", option="--store") == "m.db"
    assert secrets.read_option("", option="--store") == ""


@pytest.mark.parametrize("text", ["env:NOT_SET", "env:", "@/no/such/file", "@"])
def test_what_cannot_be_read_is_one_line(text: str) -> None:
    with pytest.raises(UsageError, match="--store: "):
        secrets.read_option(text, option="--store")
