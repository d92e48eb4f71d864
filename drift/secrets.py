"""Secrets of the environment: kept out of what is printed, logged and written, and out of commands that we start.

What counts as one: passwords inside addresses (`scheme://user:password@host`), and variables whose name says so.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from time import monotonic
from urllib.parse import unquote

from drift.errors import UsageError

HIDDEN = "***"
OURS = ("DRIFT_", "MLFLOW_", "PG")  # variables of this package, of MLflow and of PostgreSQL's client
CLOUDS = ("AWS_", "AZURE_", "ARM_", "GOOGLE_", "GCP_", "GCLOUD_", "CLOUDSDK_", "ALIBABA_", "OCI_", "DIGITALOCEAN_")
SECRET_WORDS = frozenset(  # in names of variables, also in the plural
    """
    pass passwd password passphrase passcode pwd pw sshpass token pat secret credential cred jwt auth cookie webhook
    hook dsn apikey accesskey privatekey secretkey
    """.split()  # noqa: SIM905
)
WORDS_OF_NUMBERS = frozenset({"count", "limit", "length", "size", "max"})  # at the end of a name: of no secret
NO_SECRET_NAMES = frozenset({"PWD", "OLDPWD"})  # folders
SECRET_ADDRESS = re.compile(r"(?i)://(hooks\.slack\.com|([\w.-]*\.)?discord(app)?\.com/api/webhooks|[\w.-]*webhook)")
NO_SECRETS = frozenset({"true", "false", "none", "null"})  # values of switches
UP_TO_HOST = re.compile(r"(?<!\S)\S*@")  # of a word: a password may hold @, /, ? and #, which clients take as they are
USER_AND_PASSWORD = re.compile(r"(?s)(?P<before>://[^:/\s]*):(?P<password>.*)@")  # within that
SHORT_PASSWORD = re.compile(r"://[^:/?#@\s]*:(?P<password>[^/?#\s]*)@")  # of one address among several in a word
LONE_TOKEN = re.compile(r"(?P<before>://)(?P<password>[^:/?#@\s]{16,})@")  # in place of a user; shorter is a name
IN_QUERY = re.compile(
    r"(?i)(?P<before>[?&;]\w{0,40}(?:pass|pwd|token|secret|key|sig)\w{0,40}=)(?P<password>[^&;\s'\"]+)"
)
FROM_VARIABLE, FROM_FILE = (
    "env:",
    "@",
)  # of an option's value that is a secret: what everybody reads in the process list
SHORTEST = 4  # characters: a shorter secret is found in many a harmless word
SHORT = 8  # of fewer, a secret is hidden as a whole word only, and not where it is a number or a word of five letters


def read_option(text: str, *, option: str) -> str:
    """The value of an option that may be a secret: itself, or what a variable or a file holds.

    Args:
        text: a value; `env:NAME` takes that of a variable, `@FILE` the first line of a file.
        option: its name, for an error.

    Raises:
        UsageError: there is no such variable or file, or it is empty.
    """
    found = text
    if text.startswith(FROM_VARIABLE):
        found = os.environ.get(text.removeprefix(FROM_VARIABLE), "").strip()
    elif text.startswith(FROM_FILE):
        try:
            found = Path(text.removeprefix(FROM_FILE)).read_text(encoding="utf-8").strip().partition("\n")[0].strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{option}: {text.removeprefix(FROM_FILE)} cannot be read: {error}") from error
    if text and not found:
        raise UsageError(f"{option}: expected a value in {text.removeprefix(FROM_FILE)}, got nothing: set it first")
    return found


def is_secret(name: str, value: str) -> bool:
    """Whether a variable of the environment may hold a secret.

    Args:
        name: of the variable.
        value: its value.
    """
    named = name.upper().startswith((*OURS, *CLOUDS)) or _names_secret(name)
    return named or SECRET_ADDRESS.search(value) is not None or any(True for _ in _passwords_in(value))


def _names_secret(name: str) -> bool:
    """Whether a variable is called like a secret: `MYSQL_PWD` and `dbPassword` are, `TOKEN_COUNT` is not."""
    if name.upper() in NO_SECRET_NAMES:
        return False
    plain = re.sub(r"^PG(?=[A-Z])", "", name)
    parts = [part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", plain)]
    if not parts or parts[-1] in WORDS_OF_NUMBERS:
        return False
    singular = {part.removesuffix("s") for part in parts}
    joined = {first + second for first, second in pairwise(parts)}  # api_key_old
    return parts[-1] in ("key", "keys") or not SECRET_WORDS.isdisjoint({*parts, *singular, *joined})


def environment_without_secrets(keep: Collection[str] = ()) -> dict[str, str]:
    """The environment for a command that is not ours.

    Args:
        keep: names of variables that it gets nevertheless.
    """
    return {name: value for name, value in os.environ.items() if name in keep or not is_secret(name, value)}


def passwords_of(environment: Mapping[str, str]) -> set[str]:
    """Secrets in variables, as they may stand in a text: passwords inside addresses, and whole values by their name."""
    found: set[str] = set()
    for name, value in environment.items():
        found.update(_passwords_in(value))
        if _names_secret(name) and "://" not in value:
            found.add(value)
    return {
        form
        for secret in found
        for form in (secret, unquote(secret))
        if len(form) >= SHORTEST and form.lower() not in NO_SECRETS
    }


def _is_common(secret: str) -> bool:
    """Whether a short secret stands in many a harmless text: a number, or a word of five letters such as drift."""
    return len(secret) < SHORT and re.fullmatch(r"[\d.,]+|[A-Za-z]{1,5}", secret) is not None


def masked(text: str) -> str:
    """A text for people, without passwords: of addresses that stand in it, and those of the environment.

    >>> masked("MLflow at https://ada:hunter2@host:5000 is away")
    'MLflow at https://ada:***@host:5000 is away'
    """
    without = UP_TO_HOST.sub(lambda word: USER_AND_PASSWORD.sub(rf"\g<before>:{HIDDEN}@", word[0]), text)
    without = LONE_TOKEN.sub(rf"\g<before>{HIDDEN}@", without)
    without = IN_QUERY.sub(rf"\g<before>{HIDDEN}", without)
    for secret in _own_passwords(int(monotonic())):
        if len(secret) < SHORT:  # within a longer word it would be a coincidence
            without = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", HIDDEN, without)
        else:
            without = without.replace(secret, HIDDEN)
    return without


def _passwords_in(value: str) -> Iterator[str]:
    """Passwords and tokens of the addresses in a text."""
    if "://" in value:
        for word in UP_TO_HOST.finditer(value):
            for pattern in (USER_AND_PASSWORD, SHORT_PASSWORD, LONE_TOKEN):
                yield from (found["password"] for found in pattern.finditer(word[0]))
        yield from (found["password"] for found in IN_QUERY.finditer(value))


@lru_cache(maxsize=1)
def _own_passwords(_second: int) -> list[str]:
    """Those of this process's environment, longest first; looked up again every second."""
    own = {secret for secret in passwords_of(os.environ) if not _is_common(secret)}
    return sorted(own, key=len, reverse=True)
