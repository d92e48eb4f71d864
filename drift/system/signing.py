"""Signatures over releases (Ed25519), for teams that train on one machine and serve on another.

`DRIFT_KEYS`, by default `~/.config/drift`, holds

    signing_key.pem    the private key of this person or machine (0600); what is trained is signed with it
    trusted_keys       one public key a line: `ed25519:BASE64 NAME`; what they have signed is served

A list that others can write, or replace in its folder, is not used.

A signature says who made a release. It is over the release's digest alone, so it holds under any name in the registry.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from drift.errors import StateError, UsageError
from drift.system.disk import write_at_once

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FIELD = 2**255 - 19  # of Ed25519 (RFC 8032, section 5.1)
_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
# The y coordinates of the eight points of small order: under a key at one of them, anybody can sign anything.
SMALL_ORDER = frozenset({0, 1, FIELD - 1, _ORDER_8, FIELD - _ORDER_8})
PREFIX = "ed25519:"
STATEMENT = b"drift release v1\n"  # before the digest: a signature for another purpose is none of a release
SIGNATURE, SIGNED_BY = "drift.signature", "drift.signed_by"  # tags


@dataclass(frozen=True)
class PublicKey:
    """A public key that releases may be signed by.

    Attributes:
        text: `ed25519:` and 32 bytes as Base64.
        name: of whose it is, for people; may be empty.
    """

    text: str
    name: str = ""

    @property
    def fingerprint(self) -> str:
        """The first 16 hex digits of the key's SHA-256, to compare over the phone."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    @property
    def words(self) -> str:
        """Fingerprint and name."""
        return f"{self.fingerprint} ({self.name})" if self.name else self.fingerprint


def keys_folder() -> Path:
    """Where keys are: `DRIFT_KEYS`, else `drift` in the user's folder of settings."""
    if named := os.environ.get("DRIFT_KEYS"):
        return Path(named)
    settings = os.environ.get("XDG_CONFIG_HOME")
    return (Path(settings) if settings else Path.home() / ".config") / "drift"


def new_key(name: str) -> PublicKey:
    """Make a key pair, keep the private key, and trust the public one.

    Args:
        name: whose it is, one line.

    Raises:
        StateError: there is one, or it cannot be written.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    path = _private_path()
    if path.exists():
        raise StateError(f"there is a signing key in {path}: what is trained is signed with it; move it away first")
    _require_own(_trusted_path())
    key = Ed25519PrivateKey.generate()
    content = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write(path, content)
    public = PublicKey(_public_text(key), _one_line(name))
    trust(public)
    return public


def own_key() -> PublicKey | None:
    """The public part of the signing key; None if there is none."""
    key = _private_key()
    return None if key is None else PublicKey(_public_text(key))


def sign(digest: str) -> dict[str, str]:
    """Tags that sign a release; none where there is no signing key.

    Args:
        digest: of the release, 64 hex digits.

    Raises:
        StateError: the signing key cannot be read, or others can read it.
    """
    key = _private_key()
    if key is None:
        return {}
    signature = base64.b64encode(key.sign(STATEMENT + digest.encode())).decode()
    return {SIGNATURE: signature, SIGNED_BY: PublicKey(_public_text(key)).fingerprint}


def signer(digest: str, tags: Mapping[str, str]) -> PublicKey | None:
    """The trusted key that signed a release; None if none did.

    Args:
        digest: of the release's files as they are on this machine, 64 hex digits.
        tags: of the version or of the logged model.

    Raises:
        StateError: the list of trusted keys cannot be read.
    """
    if SIGNATURE not in tags:
        return None
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        signature = base64.b64decode(tags[SIGNATURE], validate=True)
    except (binascii.Error, ValueError):
        return None
    for key in trusted_keys():
        try:
            Ed25519PublicKey.from_public_bytes(_raw(key.text)).verify(signature, STATEMENT + digest.encode())
        except InvalidSignature:
            continue
        return key
    return None


def trusted_keys() -> list[PublicKey]:
    """The public keys whose releases are served, in the order in which they were added.

    Raises:
        StateError: the list cannot be read, or others can write it.
    """
    path = _trusted_path()
    _require_own(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [public_key(line) for line in lines if line.strip() and not line.startswith("#")]
    except (OSError, UnicodeDecodeError, UsageError) as error:
        raise StateError(f"{path} cannot be read ({error}): expected one key a line, {PREFIX}BASE64 NAME") from error


def public_key(text: str) -> PublicKey:
    """The key of a line `ed25519:BASE64 NAME`.

    Raises:
        UsageError: it is no such line.
    """
    words, _, name = text.strip().partition(" ")
    _raw(words)
    return PublicKey(words, _one_line(name))


def read_public_key(text: str) -> PublicKey:
    """The key of a line `ed25519:BASE64 NAME`, or of a file that holds one.

    Raises:
        UsageError: it is neither.
    """
    if text.startswith(PREFIX):
        return public_key(text)
    try:
        return public_key(Path(text).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"expected a public key ({PREFIX}BASE64 NAME) or a file that holds one, got {text[:100]!r}"
        ) from error


def trust(key: PublicKey) -> bool:
    """Add a key to those that are trusted; returns whether it was new.

    Raises:
        StateError: the list cannot be read or written.
    """
    known = trusted_keys()
    if any(other.text == key.text for other in known):
        return False
    _write_trusted([*known, key])
    return True


def distrust(fingerprint: str) -> PublicKey:
    """Take a key out of those that are trusted; releases that were accepted because of it stay accepted.

    Raises:
        UsageError: no trusted key has this fingerprint.
        StateError: the list cannot be read or written.
    """
    known = trusted_keys()
    key = next((key for key in known if key.fingerprint == fingerprint), None)
    if key is None:
        there = ", ".join(key.words for key in known) or "none"
        raise UsageError(f"expected the fingerprint of a trusted key, got {fingerprint!r}; there are: {there}")
    _write_trusted([other for other in known if other is not key])
    return key


def _write_trusted(keys: list[PublicKey]) -> None:
    _write(_trusted_path(), "".join(f"{key.text} {key.name}".rstrip() + "\n" for key in keys).encode())


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_at_once(path, content, private=True)
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror}; set DRIFT_KEYS to a folder that can") from error


def _private_key() -> Ed25519PrivateKey | None:
    path = _private_path()
    if not path.exists():
        return None
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        if path.stat().st_uid not in (os.geteuid(), 0):
            raise StateError(f"the signing key {path} belongs to another user: set DRIFT_KEYS to a folder of your own")
        if path.stat().st_mode & 0o077:
            raise StateError(f"others can read the signing key {path}: make another one, or run chmod 600 on it")
        _require_own(path)
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise StateError(f"the signing key {path} cannot be read: put a copy of it back, or move it away") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise StateError(f"expected an Ed25519 key in {path}, got another kind: move it away, and run drift keys new")
    return key


def _require_own(path: Path) -> None:
    """Refuse a file of keys that another user can write, or replace in its folder; none is nobody's."""
    try:
        places = {path, path.parent, path.resolve().parent} if path.exists() else set()  # it may be a link
        looked_at = [(place, place.stat()) for place in sorted(places)]
    except OSError as error:
        raise StateError(f"{path} cannot be read ({error.strerror}): make it readable (chmod u+r)") from error
    for place, status in looked_at:
        if status.st_uid not in (os.geteuid(), 0):
            raise StateError(
                f"{place} belongs to another user (id {status.st_uid}), who chooses whose releases are served: look at"
                f" the keys in {path.name} and make it your own (chown), or set DRIFT_KEYS to another folder"
            )
        if status.st_mode & 0o022:
            raise StateError(
                f"others can write to {place}, and so choose whose releases are served: look at the keys in"
                f" {path.name}, and run chmod go-w on it"
            )


def _public_text(key: Ed25519PrivateKey) -> str:
    return PREFIX + base64.b64encode(key.public_key().public_bytes_raw()).decode()


def _raw(text: str) -> bytes:
    """The 32 bytes of a public key, or `UsageError`."""
    try:
        raw = base64.b64decode(text.removeprefix(PREFIX), validate=True) if text.startswith(PREFIX) else b""
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 32:
        raise UsageError(f"expected a public key as drift keys list prints it ({PREFIX}BASE64 NAME), got {text[:60]!r}")
    if (int.from_bytes(raw, "little") & (2**255 - 1)) % FIELD in SMALL_ORDER:
        raise UsageError(
            f"expected a public key that somebody holds the other half of, got {text[:60]!r}, which is none"
        )
    return raw


def _one_line(text: str) -> str:
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())[:80]


def _private_path() -> Path:
    return keys_folder() / "signing_key.pem"


def _trusted_path() -> Path:
    return keys_folder() / "trusted_keys"
