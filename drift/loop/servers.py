"""The servers of one model that run in this project, whoever started them. Used by `status`, `rollback` and `retrain`.

One function looks for them, so that every command knows of the same ones. A server belongs to the command that started
it and is ended by its supervisor when that command is gone; one whose command and supervisor were both killed goes on
answering, and is called abandoned here.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Literal

from drift import serving
from drift.errors import ServingError
from drift.loop.options import ServerOptions
from drift.loop.project_dir import ProjectDir

if TYPE_CHECKING:
    from drift.serving.torchserve.process.record import ServerRecord

ANSWER_SECONDS = 60.0  # for a server that is starting, which takes 5 to 20
STATUS_SECONDS = 3.0  # for a server to say which version answers
ABANDONED = "the command that started it and its supervisor were killed, so nothing restarts it"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunningServer:
    """A server with living processes.

    Attributes:
        name: the deployment's id, or `MODEL-serve`.
        folder: its run folder.
        record: its addresses and processes.
    """

    name: str
    folder: Path
    record: ServerRecord

    @property
    def abandoned(self) -> bool:
        """Whether its supervisor is gone, too: nobody ends it."""
        return self.record.orphaned and not self.record.supervisor.lives

    @property
    def ending(self) -> str:
        """The command that ends what is left of an abandoned server."""
        return " ".join(["kill", *(str(process.pid) for process in self.record.processes)])


def own_folders(home: ProjectDir, model: str) -> list[Path]:
    """Folders of a model's deployments, and of `drift serve`, oldest first."""
    of_model = re.compile(rf"{re.escape(model)}-(serve|\d{{8}}-\d{{6}}-[0-9a-f]{{4}})")
    return [folder for folder in home.deployments() if of_model.fullmatch(folder.name)]


def running_servers(home: ProjectDir, model: str) -> list[RunningServer]:
    """The running servers of a model, newest first."""
    from drift.serving.torchserve.process.record import running

    folders = [(folder.name, folder / "server") for folder in reversed(own_folders(home, model))]
    records = [(name, folder, running(folder)) for name, folder in folders]
    return [RunningServer(name, folder, record) for name, folder, record in records if record]


def answering_version(server: RunningServer, model: str) -> int | None:
    """The version that a server answers with; None if it does not say so in time."""
    from drift.serving.torchserve.control import default_version_of

    try:
        return default_version_of(server.folder, model, seconds=STATUS_SECONDS)
    except ServingError:
        return None


def followed_service(home: ProjectDir, model: str) -> serving.ModelService | None:
    """The service that is to follow a change of champion: that of the newest server with a loaded version, if any.

    A server without any version is just starting and takes up the champion by itself. An abandoned one is used if
    there is no other and it answers; else it is ended, so that no server is left answering with an old version.

    Raises:
        ServingError: a server runs and does not answer.
    """
    servers = running_servers(home, model)
    service = None
    for server in servers:
        if not server.record.orphaned and service is None:
            service = _with_a_version(_patiently(server, model))
    for server in servers:
        if server.abandoned and service is None and (service := _still_answering(server, model)) is not None:
            logger.warning("the server at %s follows; %s: %s ends it", service.inference_url, ABANDONED, server.ending)
        elif server.abandoned:
            _end(server)
    return service


def find_service(home: ProjectDir, model: str, server: ServerOptions) -> serving.ModelService | None:
    """The service that follows a change of champion: of the user's own server, else `followed_service`."""
    if server.server is not None and server.server_folder is not None:
        return serving.ModelService.connect(server.server, server.server_folder, model)
    return followed_service(home, model)


def deployment_server(
    home: ProjectDir, server: ServerOptions, port: int | None
) -> Callable[[Literal["npy", "json"], Path, str], AbstractContextManager[serving.ModelService]]:
    """How a deployment gets its server: by starting one, or by using the user's own.

    Only one server of a model is started in one project: a promotion could not reach a second one.

    Args:
        home: the project's folder.
        server: the user's own, if any.
        port: of the server that is started; None for any free one.

    Returns:
        A function of the format of requests, the server's folder and the model's name.
    """

    @contextmanager
    def start(format: Literal["npy", "json"], folder: Path, model: str) -> Iterator[serving.ModelService]:

        if server.server is not None and server.server_folder is not None:
            with serving.ModelService.connect(server.server, server.server_folder, model, format=format) as service:
                yield service
        else:
            with home.lock(f"serving-{model}", doing=f"serving {model} (to use its server: --server)"):
                clear_way(home, model)
                with serving.ModelService.start(folder, model, port=port, format=format) as service:
                    yield service

    return start


def clear_way(home: ProjectDir, model: str) -> None:
    """Before a server of the model starts: end those whose command is gone, delete the archives of those that ended."""
    from drift.serving.torchserve.archive import drop_archives
    from drift.serving.torchserve.process.record import running

    for server in running_servers(home, model):
        if server.record.orphaned:
            _end(server)
    for folder in own_folders(home, model):
        if running(folder / "server") is None:
            drop_archives(folder / "server" / "model_store", model, keep=())  # --resume packs them again


def _open(server: RunningServer, model: str) -> serving.ModelService:

    return serving.ModelService.connect(server.record.inference_url, server.folder, model)


def _with_a_version(service: serving.ModelService) -> serving.ModelService | None:
    return service if service.loaded else None


def _still_answering(server: RunningServer, model: str) -> serving.ModelService | None:
    try:
        return _with_a_version(_open(server, model))
    except ServingError:
        return None


def _patiently(server: RunningServer, model: str) -> serving.ModelService:
    """A living server that does not answer is starting, or starting again: changing the champion waits for it."""
    deadline = monotonic() + ANSWER_SECONDS
    while True:
        try:
            return _open(server, model)
        except ServingError as error:
            if monotonic() > deadline:
                raise ServingError(
                    f"a server of this model runs but does not answer, so the champion stays: {error};"
                    f" try again, or end the command that started it (process {server.record.owner.pid})"
                ) from error
            sleep(0.5)


def _end(server: RunningServer) -> None:
    from drift.serving.torchserve.process.record import end_orphan

    if end_orphan(server.folder):
        logger.warning("ended the server at %s: the command that started it was killed", server.record.inference_url)
