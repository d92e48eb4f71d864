"""Keys that sign releases: made once, private, trusted by line, and good for the signed digest alone."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from drift.errors import StateError, UsageError
from drift.system import signing

DIGEST, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of keys."""
    folder = tmp_path / "keys"
    monkeypatch.setenv("DRIFT_KEYS", str(folder))
    return folder


def test_a_new_key_is_private_and_trusted(keys: Path) -> None:
    key = signing.new_key("training machine\n")
    assert signing.own_key() == signing.PublicKey(key.text)
    assert signing.trusted_keys() == [key]
    assert key.name == "training machine"
    assert keys.stat().st_mode & 0o077 == 0
    for file in keys.iterdir():
        assert file.stat().st_mode & 0o077 == 0
    assert key.text.split(":")[1] not in (keys / "signing_key.pem").read_text()


def test_what_is_signed_is_recognised(keys: Path) -> None:
    key = signing.new_key("ada")
    tags = signing.sign(DIGEST)
    assert signing.signer(DIGEST, tags) == key
    assert tags["drift.signed_by"] == key.fingerprint
    assert signing.signer(OTHER, tags) is None
    assert signing.signer(DIGEST, {}) is None


@pytest.mark.parametrize("signature", ["", "not base64!", "é", base64.b64encode(bytes(64)).decode(), "AAAA"])
def test_a_damaged_signature_is_none(keys: Path, signature: str) -> None:
    signing.new_key("ada")
    assert signing.signer(DIGEST, {"drift.signature": signature}) is None


def test_a_signature_by_a_key_that_is_not_trusted_any_more_is_none(keys: Path) -> None:
    key = signing.new_key("ada")
    tags = signing.sign(DIGEST)
    assert signing.distrust(key.fingerprint) == key
    assert signing.signer(DIGEST, tags) is None
    assert signing.trust(key)
    assert not signing.trust(key)
    assert signing.signer(DIGEST, tags) == key


def test_without_a_key_nothing_is_signed(keys: Path) -> None:
    assert signing.sign(DIGEST) == {}
    assert signing.own_key() is None
    assert signing.trusted_keys() == []
    assert not keys.exists()


def test_a_second_key_does_not_replace_the_first(keys: Path) -> None:
    first = signing.new_key("ada")
    with pytest.raises(StateError, match="there is a signing key in"):
        signing.new_key("ada")
    assert signing.own_key() == signing.PublicKey(first.text)


def test_a_key_that_others_can_read_signs_nothing(keys: Path) -> None:
    signing.new_key("ada")
    (keys / "signing_key.pem").chmod(0o640)
    with pytest.raises(StateError, match="others can read the signing key"):
        signing.sign(DIGEST)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff\xfe"])
def test_a_damaged_key_is_one_line(keys: Path, content: bytes) -> None:
    signing.new_key("ada")
    (keys / "signing_key.pem").write_bytes(content)
    with pytest.raises(StateError, match=r"signing_key\.pem cannot be read: put a copy of it back"):
        signing.sign(DIGEST)


@pytest.mark.parametrize("line", ["rsa:AAAA", "ed25519:AAAA ada", "ed25519:", "ed25519:é", "ada"])
def test_what_is_no_key_is_refused(keys: Path, line: str) -> None:
    with pytest.raises(UsageError, match="expected a public key as drift keys list prints it"):
        signing.public_key(line)
    keys.mkdir()
    (keys / "trusted_keys").write_text(f"# colleagues\n\n{line}\n")
    with pytest.raises(StateError, match="trusted_keys cannot be read"):
        signing.trusted_keys()


def test_an_unknown_fingerprint_is_answered_with_those_there_are(keys: Path) -> None:
    key = signing.new_key("ada")
    with pytest.raises(UsageError, match=key.fingerprint):
        signing.distrust("0" * 16)


def test_the_folder_of_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DRIFT_KEYS", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert signing.keys_folder() == tmp_path / "drift"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert signing.keys_folder() == Path.home() / ".config" / "drift"


@pytest.mark.parametrize("place", ["trusted_keys", ""])
@pytest.mark.parametrize("mode", [0o020, 0o002])
def test_a_list_that_others_can_write_is_not_used(keys: Path, place: str, mode: int) -> None:
    """Whoever can write the list, or replace it in its folder, would choose whose releases are served."""
    key = signing.new_key("ada")
    tags = signing.sign(DIGEST)
    before = (keys / place).stat().st_mode
    (keys / place).chmod(before | mode)
    for use in (signing.trusted_keys, lambda: signing.signer(DIGEST, tags), lambda: signing.trust(key)):
        with pytest.raises(StateError, match=r"others can write to .*chmod go-w") as raised:
            use()
        assert "\n" not in str(raised.value)
    (keys / place).chmod(before)
    assert signing.signer(DIGEST, tags) == key


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("place", ["trusted_keys", ""])
def test_a_list_of_another_user_is_not_used(keys: Path, place: str) -> None:
    signing.new_key("ada")
    os.chown(keys / place, 48_213, -1)
    with pytest.raises(StateError, match=r"belongs to another user \(id 48213\)"):
        signing.trusted_keys()


SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # 1 and 0 again, not reduced
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]


@pytest.mark.parametrize("encoded", SMALL_ORDER)
def test_a_key_under_which_anybody_can_sign_is_refused(keys: Path, encoded: str) -> None:
    """Points of small order (RFC 8032, section 5.1): eight times such a point is the neutral one."""
    raw = bytes.fromhex(encoded)
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    assert _doubled(_doubled(_doubled(y))) == 1
    with pytest.raises(UsageError, match="which is none"):
        signing.public_key(f"ed25519:{base64.b64encode(raw).decode()} eve")


def _doubled(y: int) -> int:
    """The y coordinate of twice a point of edwards25519, -x^2 + y^2 = 1 + d x^2 y^2."""
    field = signing.FIELD
    d = -121665 * pow(121666, -1, field) % field
    x2 = (y * y - 1) * pow(d * y * y + 1, -1, field) % field
    return (y * y + x2) * pow(2 + x2 - y * y, -1, field) % field


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_signing_key_of_another_user_signs_nothing(keys: Path) -> None:
    signing.new_key("ada")
    os.chown(keys / "signing_key.pem", 48_213, 48_213)
    with pytest.raises(StateError, match="belongs to another user"):
        signing.sign(DIGEST)
