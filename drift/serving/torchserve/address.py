"""Addresses, tokens and model store of a TorchServe that somebody else started.

Used by `service` and `python_client`. They are read from the run folder: our own `server.json`, or the
`config.properties` that it was started with, if it lies there; else TorchServe's conventions hold.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import requests

from drift.errors import NoAnswerError, ServingError
from drift.serving.torchserve.control import INVALID_KEY, read_refusal
from drift.serving.torchserve.keys import Keyring, NoTokens, direct_request, server_users
from drift.serving.torchserve.process.record import KEY_FILE, read_record

CONFIGURATION = "config.properties"
DEFAULT_INFERENCE_PORT = 8080
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1", "0.0.0.0")  # noqa: S104  (compared, not bound)
PROBE_SECONDS = 10.0


def inference_url_of(url: str) -> str:
    """`url` without a trailing slash.

    Raises:
        ServingError: it is no address of a server.
    """
    parts = _split(url)
    if parts.path.strip("/") or parts.query:
        raise ServingError(
            f"expected the server's address alone, as http://127.0.0.1:8080, got {parts.scheme}://{parts.netloc} with a"
            " path or a query behind it"
        )
    return f"{parts.scheme}://{parts.netloc}"


def management_url_of(url: str, folder: Path) -> str:
    """The management address of the server at `url`: recorded or configured in its folder, else one port further."""
    parts = _split(url)
    record = read_record(folder)
    if record is not None and _same_server(parts, _split(record.inference_url)):
        return record.management_url
    configured = _configuration(folder)
    inference = configured.get("inference_address", f"http://127.0.0.1:{DEFAULT_INFERENCE_PORT}")
    if "management_address" in configured and _port(inference) == parts.port:
        return f"{parts.scheme}://{_host(parts)}:{_port(configured['management_address'])}"
    return f"{parts.scheme}://{_host(parts)}:{(parts.port or 0) + 1}"


def model_store_of(folder: Path) -> Path:
    """The folder from which the server loads archives: `model_store/` in its run folder, unless it is configured.

    Raises:
        ServingError: there is no such folder.
    """
    store = folder / _configuration(folder).get("model_store", "model_store")
    bare = not store.is_dir() and not any((folder / name).exists() for name in (KEY_FILE, CONFIGURATION))
    store = folder if bare else store  # a model store may be given itself where no token is wanted
    if not store.is_dir():
        raise ServingError(
            f"expected a model store in {store}, there is no such folder: give as --server_folder the folder whose"
            " model_store/ TorchServe was started with as --model-store"
        )
    return store


def keyring_of(folder: Path, management_url: str) -> Keyring:
    """The server's tokens; none where its token authorisation is off.

    Raises:
        NoAnswerError: no management API answers there.
    """
    record = read_record(folder)
    if record is not None and record.management_url == management_url:
        return Keyring(folder / KEY_FILE, management_url)  # one of ours wants tokens
    try:
        answer = direct_request("GET", f"{management_url}/models", timeout=PROBE_SECONDS, users=server_users(folder))
    except requests.RequestException as error:
        raise NoAnswerError(
            f"no management API of TorchServe answers at {management_url}: is it running? If it listens elsewhere,"
            f" put the {CONFIGURATION} with its management_address into {folder}"
        ) from error
    if answer.ok:
        return NoTokens(folder / KEY_FILE, management_url)
    if read_refusal(answer)[0] != INVALID_KEY:
        raise ServingError(
            f"expected TorchServe's management API at {management_url}, got HTTP {answer.status_code}: put the"
            f" {CONFIGURATION} with its management_address into {folder}"
        )
    return Keyring(folder / KEY_FILE, management_url)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and parts.hostname and parts.port is not None
    except ValueError:  # a port that is no number, a bracket too few
        whole = False
    if not whole:
        raise ServingError(f"expected a URL with a port, as http://127.0.0.1:8080, got {url.rpartition('@')[2]}")
    if parts.username is not None or parts.password is not None:
        raise ServingError(
            "expected the server's address without user name and password, as http://127.0.0.1:8080: its tokens are"
            " read from its folder"
        )
    return parts


def _host(parts: SplitResult) -> str:
    """The host as a URL has it: an IPv6 address in brackets."""
    host = parts.hostname or ""
    return f"[{host}]" if ":" in host else host


def _same_server(first: SplitResult, second: SplitResult) -> bool:
    local = first.hostname in LOOPBACK_NAMES and second.hostname in LOOPBACK_NAMES
    return first.port == second.port and (local or first.hostname == second.hostname)


def _port(address: str) -> int | None:
    try:
        return urlsplit(address.strip()).port
    except ValueError:
        return None


def _configuration(folder: Path) -> dict[str, str]:
    """What `config.properties` in the folder says; empty without one."""
    try:
        lines = (folder / CONFIGURATION).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = [line.partition("=") for line in lines if "=" in line and not line.lstrip().startswith(("#", "!"))]
    return {name.strip(): value.strip() for name, _, value in pairs}
