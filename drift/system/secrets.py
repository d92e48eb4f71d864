"""Secrets of the environment: kept out of what is printed, logged and written, and out of commands that we start.

What counts as one: passwords inside addresses (`scheme://user:password@host`), and variables whose name says so.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from time import monotonic
from urllib.parse import quote, quote_plus, unquote

from drift.errors import UsageError

HIDDEN = "***"
OURS = ("DRIFT_", "MLFLOW_", "PG")  # variables of this package, of MLflow and of PostgreSQL's client
CLOUDS = ("AWS_", "AZURE_", "ARM_", "GOOGLE_", "GCP_", "GCLOUD_", "CLOUDSDK_", "ALIBABA_", "OCI_", "DIGITALOCEAN_")
# Parts of names, of variables and in queries, whose values are secrets.
WORDS = {
    "pass", "password", "passwd", "passphrase", "passcode", "pwd", "pw", "pat", "token", "secret", "sig", "signature",
    "credential", "cred", "jwt", "auth", "sas", "apikey", "pgpassword", "sshpass",
}  # fmt: skip
ENDS = ("password", "passwd", "passphrase", "apikey", "accesskey", "secretkey", "token", "secret")  # of such a part
WORDS_OF_VARIABLES = {"webhook", "hook", "cookie", "dsn", "bearer"}  # further ones, in names of variables
BEFORE_KEY = {"api", "access", "private", "secret", "account", "shared", "signing", "encryption", "master", "ssh"}
NUMBERS = {"count", "limit", "size", "length", "max"}  # in names of variables: MAX_TOKENS holds none
FOLDERS = {"PWD", "OLDPWD"}
NO_SECRETS = {"true", "false", "none", "null", "drift", "test", "open", "default"}  # of switches, and common words
PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[A-Z]")  # of a name, also of one like clientSecret
WORD = re.compile(r"(?<!\S)\S*://\S*")
HEAD = re.compile(r"[^/?#]*")  # what follows :// up to a path, query or fragment
PORT = re.compile(r"[0-9]{1,5}")
TOKEN = re.compile(r"\S{16,}|(?:gh[pousr]_|github_pat_|glpat-|xox|dapi)\S*")  # in place of a user; shorter is a name
SHORT_PASSWORD = re.compile(r"://[^:/?#@\s]*:(?P<password>[^/?#\s]*)@")  # of one address among several in a word
IN_QUERY = re.compile(r"(?P<before>[?&;#](?P<name>[\w.\[\]-]{1,60})=)(?P<password>[^&;\s'\"]+)")
IN_HEADER = re.compile(r"(?i)(?P<before>\b(?:bearer|basic)\s+)(?P<password>(?=\S*\d)[\w.~+/=-]{8,})")
IN_JSON = re.compile(
    r"(?i)(?P<before>(?P<q>[\"'])(?:\w*(?:password|passwd|token|secret|api_?key))(?P=q)\s*:\s*(?P<r>[\"']))"
    r"(?P<password>[^\"']+)(?=(?P=r))"
)
IN_HOOK = re.compile(
    r"(?P<before>https://(?:hooks\.slack\.com/services|discord(?:app)?\.com/api/webhooks|[\w.-]*\.?office\.com/webhook"
    r"|[\w-]+\.webhook\.office\.com)/)(?P<password>[^\s'\"]+)"
)
IN_WORDS = re.compile(  # of PostgreSQL's own form, such as host=db password='a b'
    r"(?i)(?P<before>pass\w*\s*=\s*)(?P<password>'(?:[^'\\]|\\.)*'|[^&\s]+)"
)
ADDRESS = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*://(?P<rest>.*)", re.DOTALL)
# What an option's value begins with that is not the secret itself: everybody reads that in the process list.
FROM_VARIABLE, FROM_FILE = "env:", "@"
SHORTEST = 4  # characters: a shorter secret is in many a harmless word
IN_URL = "!#$%&'()*+,/:;=?@[]~"  # signs that requests leaves as they are
LONG = 8  # characters: a shorter secret is hidden where it is a word of its own

_read_secrets: set[str] = set()  # out of options, and the variables and files that they name


def read_option(text: str, *, option: str) -> str:
    """The value of an option that may be a secret: itself, or what a variable or a file holds.

    Args:
        text: a value; `env:NAME` takes that of a variable, `@FILE` the first line of a file.
        option: its name, for an error.

    Raises:
        UsageError: there is no such variable or file, or it is empty.
    """
    secret = text
    if text.startswith(FROM_VARIABLE):
        secret = os.environ.get(text.removeprefix(FROM_VARIABLE), "").strip()
    elif text.startswith(FROM_FILE):
        try:
            secret = Path(text.removeprefix(FROM_FILE)).read_text(encoding="utf-8").strip().partition("\n")[0].strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{option}: {text.removeprefix(FROM_FILE)} cannot be read: {error}") from error
    if text and not secret:
        raise UsageError(f"{option}: expected a value in {text.removeprefix(FROM_FILE)}, got nothing: set it first")
    if secret != text or "://" in secret:
        _remember(secret)
    return secret


def hide_passwords_in(words: Iterable[str]) -> None:
    """Hide from now on the passwords of addresses among what was typed, also where a message repeats but a part."""
    _read_secrets.update(secret for word in words for secret in _passwords_in(word))


def _remember(value: str) -> None:
    """Hide from now on what an option was given: passwords in it, and a whole line of words."""
    secrets = {*_passwords_in(value), *(match["password"].strip("'") for match in IN_WORDS.finditer(value))}
    if " " in value and "://" not in value.partition(" ")[0]:
        secrets.add(value)
    _read_secrets.update(secrets)


def is_secret(name: str, value: str) -> bool:
    """Whether a variable of the environment may hold a secret.

    Args:
        name: of the variable.
        value: its value.
    """
    named = name.upper().startswith((*OURS, *CLOUDS)) or is_secret_name(name, variable=True)
    return named or any(True for _ in _passwords_in(value))


def is_secret_name(name: str, *, variable: bool = False) -> bool:
    """Whether a name says that its value is a secret.

    >>> [is_secret_name(name) for name in ("client_secret", "X-Amz-Signature", "apiKey", "design", "sort_key")]
    [True, True, True, False, False]

    Args:
        name: of a parameter in a query: its last part decides.
        variable: it is a variable's: any part does, also in the plural, and so does a last part KEY.
    """
    parts = [part.lower() for part in PARTS.findall(name)]
    if not parts or (variable and name in FOLDERS):
        return False
    last, before = parts[-1], parts[-2] if len(parts) > 1 else ""
    if not variable:
        return _names_secret(last) or (last == "key" and (not before or before in BEFORE_KEY))
    if last in NUMBERS or parts[0] == "max":
        return False
    return (
        any(_names_secret(part) or _names_secret(part.removesuffix("s")) for part in parts)
        or any(part.removesuffix("s") in WORDS_OF_VARIABLES for part in parts)
        or any(pair[1].removesuffix("s") == "key" and pair[0] in BEFORE_KEY for pair in pairwise(parts))
        or last in ("key", "keys")
    )


def _names_secret(part: str) -> bool:
    return part in WORDS or part.endswith(ENDS)


def environment_without_secrets(keep: Collection[str] = ()) -> dict[str, str]:
    """The environment for a command that is not ours.

    Args:
        keep: names of variables that it gets nevertheless.
    """
    return {name: value for name, value in os.environ.items() if name in keep or not is_secret(name, value)}


def passwords_of(environment: Mapping[str, str]) -> set[str]:
    """Secrets in variables, as they may stand in a text: passwords inside addresses, and whole values by their name."""
    secrets: set[str] = set()
    for name, value in environment.items():
        secrets.update(_passwords_in(value))
        if is_secret_name(name, variable=True) and "://" not in value and _looks_secret(name, value):
            secrets.add(value)
    return _forms(secrets)


def masked(text: str) -> str:
    """A text for people, without passwords: of addresses that stand in it, and those of the environment.

    What follows `://` up to the first `/`, `?` or `#` decides. With a user and a password in it, all between the first
    colon and the last `@` of the word is hidden. Without an `@`, it may be the beginning of a password with such signs,
    unless it is a host and a port: then an `@` in the path is left as it is.

    >>> masked("MLflow at https://ada:hunter2@host:5000 is away")
    'MLflow at https://ada:***@host:5000 is away'
    >>> masked("http://host:5000/x@y")
    'http://host:5000/x@y'
    """
    without = text
    for secret in _own_secrets():  # first: they may hold spaces
        if len(secret) >= LONG:
            without = without.replace(secret, HIDDEN)
        elif secret in without:
            without = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", HIDDEN, without)
    without = WORD.sub(lambda word: _without_credentials(word[0]), without)
    without = hide_in_queries(without)
    for pattern in (IN_HEADER, IN_JSON, IN_HOOK):
        without = pattern.sub(rf"\g<before>{HIDDEN}", without)
    return without


def hide_in_queries(text: str) -> str:
    """A text without the values of parameters whose names say that they are secrets."""
    return IN_QUERY.sub(
        lambda match: match["before"] + (HIDDEN if is_secret_name(match["name"]) else match["password"]), text
    )


def without_user(url: str) -> str:
    """An address without its user and password, if it has both; they may hold any sign."""
    scheme, separator, rest = url.partition("://")
    span = credentials_of(rest) if separator else None
    if span is None:
        return url
    return f"{scheme}://{rest[rest.index('@', span[1]) + 1 :]}"


def credentials_of(rest: str) -> tuple[int, int] | None:
    """Where the secret of an address begins and ends: its password, or its user where that is a token.

    Args:
        rest: what follows `://`, up to the end of the word.
    """
    head = HEAD.match(rest)[0]  # type: ignore[index]  # it matches nothing, too
    last, at = rest.rfind("@"), head.rfind("@")
    colon = head.find(":", 0, at) if at >= 0 else -1
    if colon >= 0:
        return (0, colon) if colon + 1 == at == last and colon else (colon + 1, last)
    if at >= 0 and TOKEN.fullmatch(head[:at]):
        return 0, at
    host = head[at + 1 :]
    colon = host.find(":")
    begins = colon >= 0 and not host.startswith("[") and not PORT.fullmatch(host[colon + 1 :])
    return (at + 1 + colon + 1, last) if begins and last >= len(head) else None


def _without_credentials(word: str) -> str:
    """A word without the secrets of the addresses in it."""
    start = 0
    while (scheme := word.find("://", start)) >= 0:
        start = scheme + len("://")
        if (span := credentials_of(word[start:])) is not None:
            begin, end = start + span[0], start + span[1]
            word = f"{word[:begin]}{HIDDEN}{word[end:]}"
            start = begin + len(HIDDEN)
    return word


def _passwords_in(value: str) -> Iterator[str]:
    """Passwords and tokens of the addresses in a text, and of it as a whole: a password may hold spaces."""
    if "://" in value:
        for word in WORD.finditer(value):
            rest = word[0].partition("://")[2]
            if (span := credentials_of(rest)) is not None:
                yield rest[slice(*span)]
            yield from (match["password"] for match in SHORT_PASSWORD.finditer(word[0]))
        if (address := ADDRESS.match(value)) is not None and not address["rest"].startswith("["):
            user, colon, password = address["rest"].rpartition("@")[0].partition(":")
            if colon and password and not any(sign in user for sign in "/?#"):
                yield password
        yield from (match["password"] for match in IN_QUERY.finditer(value) if is_secret_name(match["name"]))
    for pattern in (IN_HEADER, IN_HOOK):
        yield from (match["password"] for match in pattern.finditer(value))


def _looks_secret(name: str, value: str) -> bool:
    """Whether the value of a variable with such a name is one: a short number is none, nor what a key is called by."""
    if any(_names_secret(part.lower().removesuffix("s")) for part in PARTS.findall(name)):
        return len(value) >= LONG or not re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", value)
    keyed = is_secret_name(name)  # such as API_KEY
    return keyed or (len(value) >= 16 and any(sign.isdigit() for sign in value))


def _forms(secrets: Collection[str]) -> set[str]:
    """Secrets as they may stand in a text: as they are, and as addresses have them."""
    return {
        form
        for secret in secrets
        for form in (secret, unquote(secret), quote(secret, safe=""), quote_plus(secret), quote(secret, safe=IN_URL))
        if len(form) >= SHORTEST and form.lower() not in NO_SECRETS
    }


def _own_secrets() -> list[str]:
    """Those of this process's environment, and of what it has read, longest first."""
    own = _own_passwords(int(monotonic()))
    return sorted({*own, *_forms(_read_secrets)}, key=len, reverse=True) if _read_secrets else own


@lru_cache(maxsize=1)
def _own_passwords(_second: int) -> list[str]:
    """Those of this process's environment, longest first; looked up again every second."""
    return sorted(passwords_of(os.environ), key=len, reverse=True)
