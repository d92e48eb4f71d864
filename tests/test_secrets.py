"""Secrets of the environment: found, hidden in texts, kept from other commands, read from where they are not seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from drift import secrets
from drift.data import urls
from drift.errors import UsageError
from drift.tracking.server import without_password


@pytest.fixture(autouse=True)
def looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets of the environment are looked up once a second."""
    secrets._own_passwords.cache_clear()


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
        secrets._own_passwords.cache_clear()
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
