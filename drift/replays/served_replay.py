"""A replay answered over HTTP: one TorchServe, into which versions are rolled over as the policies' turns come.

A version that is to answer is exported, packed by digest, loaded beside the one that serves, made the default, and the
other one is unloaded: two are in memory at most, however many are trained.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from drift.data.blocks import Block, Floats, Predictor, Table
from drift.errors import ServingError, UsageError
from drift.loop.releases.loading import VersionService
from drift.replays.combiners import Combiner, SingleVersionCombiner
from drift.replays.versions import ReplayVersion, ReplayVersions

MODEL = "replay"  # its name on the server
TOLERANCE = 1e-5  # between served probabilities and those of this process; a right one is within 1e-6 or so


class ReplayService(Predictor, VersionService, Protocol):
    """What a replay needs of a server."""


@dataclass(frozen=True)
class ServedCounts:
    """What a server did in a replay, and how its answers compare with those of this process.

    Attributes:
        versions: that were packed.
        rollovers: from one version to another.
        rows: answered.
        largest_difference: of a probability.
        turned: rows predicted otherwise: their two highest probabilities are equal up to rounding.
    """

    versions: int = 0
    rollovers: int = 0
    rows: int = 0
    largest_difference: float = 0.0
    turned: int = 0

    def __str__(self) -> str:
        return (
            f"served by TorchServe: {self.rows:,} rows (versions: {self.versions}, rollovers: {self.rollovers});"
            f" probabilities within {self.largest_difference:.1g} of those in this process,"
            f" rows predicted otherwise: {self.turned}"
        )


class ServedReplay(ExitStack):
    """Answers blocks from a server, which starts when the first one is asked for and ends with this."""

    def __init__(self, versions: ReplayVersions, start: Callable[[], AbstractContextManager[ReplayService]]) -> None:
        """`versions` train the models; `start` gives a server without any version."""
        super().__init__()
        self.tally = ServedCounts()
        self._versions = versions
        self._start = start
        self._service: ReplayService | None = None
        self._numbers: dict[ReplayVersion, int] = {}  # on the server, from 1
        self._archives: dict[ReplayVersion, Path] = {}
        self._default: ReplayVersion | None = None

    def require_one_at_a_time(self, policy: str, answering: Combiner) -> SingleVersionCombiner:
        """The answering of a policy; raises `UsageError` if several versions answer a block together."""
        if not isinstance(answering, SingleVersionCombiner):
            raise UsageError(
                f"expected policies that ask one version at a time with --serve, got {policy}, for which all"
                " versions would have to stay loaded: leave it out of --policies, or replay without --serve"
            )
        return answering

    def answering(self, policy: str, answering: Combiner, tell: Callable[[str, int], None]) -> Combiner:
        """A policy's combiner, through the server; `tell` is called with what is loaded, at which block."""
        return _Served(self.require_one_at_a_time(policy, answering), self, tell)

    def answer(self, block: Block, version: ReplayVersion, tell: Callable[[str, int], None]) -> Floats:
        """What `version` answers to a block over HTTP, (n, classes).

        Raises:
            ServingError: the server could not do it, or answered otherwise than the model in this process.
        """
        if self._service is None:
            tell("starting TorchServe", block.index)
            self._service = self.enter_context(self._start())
        number = self._numbers.setdefault(version, len(self._numbers) + 1)
        if version is not self._default:
            tell(f"loading version {number}", block.index)
            self._roll_over(self._service, version, number)
        answer = self._service.predict(block.features)
        if answer.version != number:
            raise ServingError(f"expected answers of version {number} to block {block.index}, got {answer.version}'s")
        self._compare(answer.probabilities, version.answers(block.rows), block)
        return answer.probabilities

    def _roll_over(self, service: ReplayService, version: ReplayVersion, number: int) -> None:
        """Load beside, switch, unload: no request is without a version to answer it."""
        before = self._default
        service.load(self._archive(service.store, version, number), number)
        service.make_default(number)
        self._default = version
        if before is not None:
            service.retire(self._numbers[before])
            self.tally = replace(self.tally, rollovers=self.tally.rollovers + 1)

    def _archive(self, store: Path, version: ReplayVersion, number: int) -> Path:
        """The version's archive; packed when it is first to answer."""
        from drift.models.predict import LocalPredictor
        from drift.serving import build_archive

        if version not in self._archives:
            model, table = self._versions.model(version), self._versions.table
            if not isinstance(model, LocalPredictor):
                raise ServingError(f"expected a network that can be exported, got a {type(model).__name__}")
            card = {"feature_names": list(table.feature_names), "classes": list(table.classes)}
            with tempfile.TemporaryDirectory(prefix="drift-export-") as folder:
                program = Path(folder) / "model.pt2"
                model.to_file(program, width=len(table.feature_names))
                with program.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                self._archives[version] = build_archive(
                    program, name=MODEL, version=number, card=card, digest=digest, store=store
                )
            self.tally = replace(self.tally, versions=self.tally.versions + 1)
        return self._archives[version]

    def _compare(self, served: Floats, here: Floats, block: Block) -> None:
        """Count; a difference that rounding cannot explain is another model's."""
        difference = float(np.abs(served - here).max())
        if not difference <= TOLERANCE:
            raise ServingError(
                f"expected served probabilities within {TOLERANCE:g} of those in this process for block {block.index},"
                f" got some {difference:.2g} away: were the cached ones made on another machine? Delete .drift/replay"
            )
        self.tally = replace(
            self.tally,
            rows=self.tally.rows + len(block),
            largest_difference=max(self.tally.largest_difference, difference),
            turned=self.tally.turned + int((served.argmax(axis=1) != here.argmax(axis=1)).sum()),
        )


class _Served:
    """An answering whose picked version is asked over HTTP."""

    def __init__(self, picking: SingleVersionCombiner, serving: ServedReplay, tell: Callable[[str, int], None]) -> None:
        self.name = picking.name
        self._picking = picking
        self._serving = serving
        self._tell = tell

    def answer(self, block: Block, versions: Sequence[ReplayVersion], table: Table) -> Floats:
        """Pick here, answer there."""
        return self._serving.answer(block, self._picking.select(block, versions), self._tell)


@contextmanager
def own_server(folder: Path) -> Iterator[ReplayService]:
    """A TorchServe in `folder`, which goes with it; after a failure of the server it stays, for its logs."""
    from drift.serving import ModelService

    failed = False
    try:
        with ModelService.start(folder, MODEL) as service:
            yield service
    except ServingError:
        failed = True
        raise
    finally:
        if not failed:
            shutil.rmtree(folder, ignore_errors=True)
