"""TorchServe's management API as typed methods, for one model's name. Used by `service`.

A version is loaded in steps, because registering with workers blocks a network thread of TorchServe
for the whole load, and because a broken model retries in a loop until it is deleted:
`register` (no worker), `scale` to one, `wait_ready`, `set_default`; then `drain` and `unregister` the
old one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from drift.errors import NoAnswerError, ServerError, ServingError
from drift.serving.torchserve.keys import Keyring, direct_request
from drift.serving.torchserve.process.record import KEY_FILE, read_record

REQUEST_SECONDS = 30.0  # registering unpacks the archive before it answers
POLL_SECONDS = 0.1
FAILED_STARTS = 2  # a worker that died this often while loading will not come up


@dataclass(frozen=True)
class LoadedVersion:
    """What TorchServe says about one version.

    Attributes:
        version: its number.
        archive: its file name in the model store.
        ready: workers that can answer.
        workers: process numbers of its workers; a restarted one has another.
        pending: requests that wait for a worker; those being answered do not count.
    """

    version: int
    archive: str
    ready: int
    workers: frozenset[int]
    pending: int


class Control:
    """The versions of one model in one server."""

    def __init__(
        self, management_url: str, keyring: Keyring, model_name: str, *, request_seconds: float = REQUEST_SECONDS
    ) -> None:
        """Remember whom to ask; nothing is sent yet."""
        self._seconds = request_seconds
        self._url = f"{management_url}/models"
        self._keys = keyring
        self._model = model_name

    def register(self, archive_name: str) -> None:
        """Make the version of an archive in the model store known, without a worker. The first becomes the default."""
        self._ask(
            "POST",
            "",
            what=f"load {archive_name}",
            params={"url": archive_name, "model_name": self._model, "initial_workers": 0},
        )

    def scale(self, version: int, workers: int) -> None:
        """Ask for `workers` processes; returns before they are ready."""
        self._ask(
            "PUT",
            f"/{self._model}/{version}",
            what=f"start workers for version {version}",
            params={"min_worker": workers, "max_worker": workers},
        )

    def wait_ready(self, version: int, seconds: float) -> None:
        """Wait until `version` has a worker that can answer.

        Raises:
            ServerError: its workers keep dying, or none was ready in time.
        """
        deadline = time.monotonic() + seconds
        starts = set[int]()
        while time.monotonic() < deadline:
            loaded = self.describe(version)
            if loaded.ready:
                return
            starts |= loaded.workers
            if len(starts) > FAILED_STARTS:
                raise ServerError(f"version {version} of {self._model} cannot be loaded: its workers die")
            time.sleep(POLL_SECONDS)
        raise ServerError(f"version {version} of {self._model} was not ready within {seconds:.0f} s")

    def versions(self) -> dict[int, LoadedVersion]:
        """The versions that are registered, with or without a worker."""
        answer = self._ask("GET", f"/{self._model}/all", what="list the versions", missing_is_fine=True)
        described = [] if answer is None else answer.json()
        return {loaded.version: loaded for loaded in map(_loaded, described)}

    def describe(self, version: int) -> LoadedVersion:
        """One version."""
        loaded = self.versions().get(version)
        if loaded is None:
            raise ServingError(f"version {version} of {self._model} is not loaded: load its archive first")
        return loaded

    def default_version(self) -> int | None:
        """The version that answers when none is named; None when no version is registered."""
        answer = self._ask("GET", f"/{self._model}", what="name the default", missing_is_fine=True)
        return None if answer is None else _loaded(answer.json()[0]).version

    def set_default(self, version: int) -> None:
        """Let `version` answer every request that is sent from now on and names no version."""
        self._ask("PUT", f"/{self._model}/{version}/set-default", what=f"make version {version} the default")

    def drain(self, version: int, *, seconds: float, longest_request: float) -> None:
        """Wait until nobody waits for `version`, and then as long as its longest request may take.

        Raises:
            ServerError: requests still waited after `seconds`.
        """
        deadline = time.monotonic() + seconds
        while (pending := self.describe(version).pending) > 0:
            if time.monotonic() > deadline:
                raise ServerError(
                    f"version {version} of {self._model} still has {pending} requests after {seconds:.0f} s: "
                    "are clients asking for it by number?"
                )
            time.sleep(POLL_SECONDS)
        time.sleep(longest_request)

    def unregister(self, version: int) -> None:
        """Unload `version` at once, with the requests it still has: `drain` it first."""
        self._ask("DELETE", f"/{self._model}/{version}", what=f"unload version {version}", missing_is_fine=True)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        what: str,
        params: dict[str, str | int] | None = None,
        missing_is_fine: bool = False,
    ) -> requests.Response | None:
        """The answer; None when there is no such model and that is fine."""
        for last_try in (False, True):
            try:
                answer = direct_request(
                    method,
                    self._url + path,
                    params=params,
                    headers=self._keys.management(),
                    timeout=self._seconds,
                    users=self._keys.users,
                )
            except requests.RequestException as error:
                raise NoAnswerError(f"TorchServe at {self._url} did not {what}: is it running?") from error
            if answer.ok:
                return answer
            if answer.status_code == 404 and missing_is_fine:
                return None
            kind, message = read_refusal(answer)
            if kind != INVALID_KEY or last_try:
                break
            self._keys.reread()
        hint = HINTS.get((method, answer.status_code), "")
        raise ServingError(f"TorchServe at {self._url} did not {what} (HTTP {answer.status_code}): {message}{hint}")


INVALID_KEY = "InvalidKeyException"
_API_OFF = "; start it with --enable-model-api, or with enable_model_api=true in its config.properties"
HINTS = {  # what to switch on in a TorchServe that somebody else started
    ("POST", 405): _API_OFF,
    ("DELETE", 405): _API_OFF,
    ("POST", 404): "; is the model_store/ of --server_folder the folder that it was started with as --model-store?",
    ("POST", 403): "; its allowed_urls in config.properties must let archives of its model store be loaded",
}


def read_refusal(answer: requests.Response) -> tuple[str, str]:
    """Type and one-line message of an error answer: `{"code": 404, "type": "...", "message": "..."}`."""
    try:
        refusal = answer.json()
        return str(refusal["type"]), " ".join(str(refusal["message"]).split())
    except (ValueError, TypeError, KeyError):
        return "", " ".join(answer.text[:200].split()) or answer.reason


def _loaded(described: dict[str, Any]) -> LoadedVersion:
    workers = described["workers"]
    return LoadedVersion(
        version=int(described["modelVersion"]),
        archive=described["modelUrl"],
        ready=sum(worker["status"] == "READY" for worker in workers),
        workers=frozenset(worker["pid"] for worker in workers if worker["pid"] > 0),
        pending=described["jobQueueStatus"]["pendingRequests"],
    )


def default_version_of(folder: Path, model_name: str, *, seconds: float) -> int | None:
    """The version that the server of a run folder answers with; None when it has none.

    Raises:
        ServingError: there is no such server, or it does not say so within `seconds`.
    """
    record = read_record(folder)
    if record is None:
        raise ServerError(f"there is no server in {folder}")
    keys = Keyring(folder / KEY_FILE, record.management_url)
    return Control(record.management_url, keys, model_name, request_seconds=seconds).default_version()


def load_version(control: Control, archive_name: str, version: int, seconds: float, *, log: Callable[[], str]) -> None:
    """Load a version beside those that serve; does nothing if it can answer already.

    Args:
        control: of the model.
        archive_name: file name in the server's store.
        version: that the archive holds.
        seconds: to wait for its worker.
        log: the end of the server's log, if we can see it.

    Raises:
        NoAnswerError: the server hangs.
        ServerError: the version does not come up; it is unloaded again.
    """
    loaded = control.versions().get(version)
    if loaded and loaded.ready:
        return
    try:
        if loaded is None:
            control.register(archive_name)
        control.scale(version, 1)
        control.wait_ready(version, seconds)
    except NoAnswerError:
        raise
    except ServingError as error:
        with suppress(ServingError):  # the first failure is the one to tell
            control.unregister(version)
        tail = log()
        reason = _last_exception(tail)
        failure = ServerError(f"{error}{reason and f' ({reason})'}: archive {archive_name} cannot be served")
        failure.add_note(tail)
        raise failure from error


def _last_exception(log: str) -> str:
    """What a worker died of, as `NameError: ...`; empty when the log does not tell.

    TorchServe raises one of its own after the handler's, `RuntimeError: 500 - Unknown exception`.
    """
    exceptions = re.findall(r"MODEL_LOG - ((?:\w+\.)*\w*(?:Error|Exception): (?!\d{3} - ).*)", log)
    return exceptions[-1] if exceptions else ""
