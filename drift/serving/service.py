"""One model's name, served: the only part of this room that the loop needs.

    with ModelService.own(folder / "server", "elec") as service:
        archive = build_archive(..., store=service.store)
        service.load(archive, 1)                   # beside what serves already; disturbs nothing
        service.make_default(1)
        answer = service.predict(block.features)   # a Predictor; survives dead workers and a dead server

A new version takes over in the order `load`, `make_default`, `retire`, in which no request is lost.
Every step can be repeated after a crash. If the server dies, the next prediction restarts it with the
versions that were loaded; if we die, its guard ends it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from drift.blocks import Answer, Floats, Predictor
from drift.errors import ArchiveError, DriftError, ServerError, ServingError
from drift.serving.client import Format, TorchServeClient
from drift.serving.control import Control
from drift.serving.keys import Keyring
from drift.serving.record import KEY_FILE, management_url_of
from drift.serving.revival import Revival
from drift.serving.server import TorchServe

LOAD_SECONDS = 120.0  # one worker needs 3 to 7; a machine at work needs more
DRAIN_SECONDS = 60.0
LOG_LINES = 200  # of which one tells why a worker died
SHORTEST_DRAIN_SECONDS = 0.5  # for requests of others, whose length we cannot know

logger = logging.getLogger(__name__)


class ModelService:
    """A server, its management and a client, for one model's name. Threads may share one."""

    def __init__(
        self,
        keyring: Keyring,
        inference_url: str,
        management_url: str,
        store: Path,
        model_name: str,
        *,
        format: Format,
        server: TorchServe | None,
    ) -> None:
        """Use `own` or `given` instead; `server` is the process that this service ends, if any."""
        self.store = store
        self.inference_url = inference_url
        self._model = model_name
        self._format: Format = format
        self._keys = keyring
        self._server = server
        self._control = Control(management_url, keyring, model_name)
        self._archives: dict[int, str] = {}  # what a restarted server loads again
        self._default: int | None = None
        self._revival = Revival(server, self._refill)
        self._restore: Callable[[], object] | None = None
        self._clients: dict[int | None, TorchServeClient] = {}

    @classmethod
    def own(
        cls,
        folder: Path,
        model_name: str,
        *,
        port: int | None = None,
        format: Format = "npy",
    ) -> Self:
        """Start a TorchServe in `folder` that ends with `close`, or with this process.

        Raises:
            ServerError: it did not come up.
            StateError: the folder cannot be written, or is in use.
        """
        server = TorchServe(folder, port=port)
        server.start()
        keys = Keyring(server.key_file, server.management_url)
        return cls(
            keys,
            server.inference_url,
            server.management_url,
            server.store,
            model_name,
            format=format,
            server=server,
        )

    @classmethod
    def given(
        cls,
        url: str,
        server_folder: Path,
        model_name: str,
        *,
        format: Format = "npy",
    ) -> Self:
        """Use a TorchServe that runs already, and never stop it.

        Args:
            url: its inference address.
            server_folder: its working directory, with `key_file.json` and `model_store/`. Its `server.json` tells the
                management address; without one it is the port after `url`'s.
            model_name: the name to serve under.
            format: how features travel.

        Raises:
            ServerError: it does not answer.
            ServingError: its keys cannot be used.
        """
        url = url.rstrip("/")
        management = management_url_of(url, server_folder)
        keys = Keyring(server_folder / KEY_FILE, management)
        service = cls(keys, url, management, server_folder / "model_store", model_name, format=format, server=None)
        service._control.versions()  # what is wrong is said now, not at the first block
        return service

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the server if it is ours; nothing can be asked any more. May be called twice."""
        self._revival.close()

    def predict(self, features: Floats) -> Answer:
        """Class probabilities of `features` (n, d) by the default version.

        Raises:
            PredictionError: the rows were refused, or the answer was no probabilities.
            ServerError: no answer came in time, although the server was restarted if it had to be.
        """
        return self._client(None).predict(features)

    def pin(self, version: int) -> Predictor:
        """A predictor that always asks `version`, whatever the default is."""
        return self._client(version)

    @property
    def loaded(self) -> dict[int, str]:
        """Versions with a worker that can answer, and the names of the archives they were loaded from."""
        self._revival.ensure()
        return {version: found.archive for version, found in self._control.versions().items() if found.ready}

    @property
    def default_version(self) -> int | None:
        """The version that answers `predict`; None when none is loaded."""
        self._revival.ensure()
        return self._control.default_version()

    def load(self, archive: Path, version: int, *, seconds: float = LOAD_SECONDS) -> None:
        """Load `archive` beside the versions that serve, and wait until it can answer.

        The very first version becomes the default by itself. Loading what is loaded changes nothing.

        Raises:
            ArchiveError: the archive is not in the store, or that version was loaded from another one.
            ServerError: it does not come up; it is unloaded again, and what served goes on serving.
        """
        if archive.parent.resolve() != self.store.resolve() or not archive.is_file():
            raise ArchiveError(f"expected an archive in {self.store}, got {archive}: build it there")
        self._revival.ensure()
        found = self._control.versions().get(version)
        if found and found.archive != archive.name:
            raise ArchiveError(
                f"version {version} is loaded from {found.archive}, not from {archive.name}: retire it first"
            )
        self._load(archive.name, version, seconds)
        self._archives[version] = archive.name
        if self._default is None:
            self._default = self.default_version

    def make_default(self, version: int) -> None:
        """Let `version` answer every prediction that starts after this call returned.

        Raises:
            ServingError: it has no worker that could answer.
        """
        self._revival.ensure()
        if version not in self.loaded:
            raise ServingError(f"version {version} of {self._model} is not loaded: load its archive first")
        self._control.set_default(version)
        self._default = version

    def retire(self, version: int) -> None:
        """Unload `version` when nobody waits for it any more. Unloading what is not loaded is fine.

        Raises:
            ServingError: it is the default.
        """
        self._revival.ensure()
        found = self._control.versions()
        if version not in found:
            return
        if version == self.default_version and len(found) > 1:
            raise ServingError(f"version {version} is the default: make another one the default first")
        ours = [client.longest_seconds for client in self._clients.copy().values()]
        longest = max([SHORTEST_DRAIN_SECONDS, *ours])
        self._control.drain(version, seconds=DRAIN_SECONDS, longest_request=longest)
        self._control.unregister(version)
        self._archives.pop(version, None)
        if version == self._default:
            self._default = None

    def _client(self, version: int | None) -> TorchServeClient:
        """The client that asks `version`, or the default: one each, to know its longest request."""
        if version not in self._clients:
            self._clients[version] = TorchServeClient(
                self.inference_url,
                self._keys,
                self._model,
                format=self._format,
                version=version,
                before_each_try=self._revival.ensure,
            )
        return self._clients[version]

    def _load(self, archive_name: str, version: int, seconds: float) -> None:
        found = self._control.versions().get(version)
        if found and found.ready:
            return
        try:
            if found is None:
                self._control.register(archive_name)
            self._control.scale(version, 1)
            self._control.wait_ready(version, seconds)
        except ServingError as error:
            with suppress(ServingError):  # the first failure is the one to tell
                self._control.unregister(version)
            log = "" if self._server is None else self._server.log_tail(LOG_LINES)
            reason = _last_exception(log)
            told = ServerError(f"{error}{reason and f' ({reason})'}: archive {archive_name} cannot be served")
            told.add_note(log)
            raise told from error

    def restore_with(self, restore: Callable[[], object]) -> None:
        """Call `restore` after a restart, to load what is to be served; it may know better than this object does.

        Another process may have changed the default since this one last did. If `restore` fails for a reason outside
        serving, what this object remembers is loaded.
        """
        self._restore = restore

    def keep_alive(self) -> None:
        """Start our server again if it ended; predictions do so by themselves."""
        self._revival.ensure()

    def _refill(self) -> None:
        """Load into a server that started again what is to be served, or else what was."""
        self._keys.reread()
        if self._restored():
            return
        by_default_first = sorted(self._archives, key=lambda version: version != self._default)
        for version in by_default_first:
            self._load(self._archives[version], version, LOAD_SECONDS)
        if self._default is not None:
            self._control.set_default(self._default)

    def _restored(self) -> bool:
        if self._restore is None:
            return False
        try:
            self._restore()
        except ServingError:
            raise
        except DriftError as error:
            logger.warning("%s; loading what was served before", error)
            return False
        self._default = self.default_version
        return True


def _last_exception(log: str) -> str:
    """What a worker died of, as `NameError: ...`; empty when the log does not tell.

    TorchServe raises one of its own after the handler's, `RuntimeError: 500 - Unknown exception`.
    """
    found = re.findall(r"MODEL_LOG - ((?:\w+\.)*\w*(?:Error|Exception): (?!\d{3} - ).*)", log)
    return found[-1] if found else ""
