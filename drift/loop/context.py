"""Where a deployment takes place: MLflow, the project's folder, the server, and who is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from drift.data.blocks import Answer, Floats, Table
from drift.detect import ThresholdForecast
from drift.loop.events import Tell
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import Deployment
from drift.loop.options import DeployOptions
from drift.loop.project_dir import ProjectDir
from drift.loop.releases.promote import Championship, LoadingService
from drift.loop.releases.trusted import trusted_registry
from drift.loop.results.deployment import DeploymentDetails
from drift.loop.retraining.approval import Approval, Flag
from drift.loop.retraining.retrain import Challenger
from drift.policies.history import BlockRecord
from drift.tracking.connection.store import Store
from drift.tracking.registry import Registry
from drift.tracking.runs.open_runs import Run, open_run


class PredictingService(LoadingService, Protocol):
    """A server that answers, too."""

    def predict(self, features: Floats) -> Answer:
        """Class probabilities by the default version."""
        ...

    def restore_with(self, restore: Callable[[], object]) -> None:
        """Call `restore` when the server had to be started again, to load what is to be served."""
        ...


class ReportWriter(Protocol):
    """Writes the report of a deployment (`drift.report.deployment.write_deployment`)."""

    def __call__(
        self,
        journal: Journal,
        deployment: Deployment,
        table: Table,
        details: DeploymentDetails,
        path: Path,
        *,
        threshold: float | None,
        forecasts: Callable[[Sequence[BlockRecord]], Mapping[int, ThresholdForecast]],
    ) -> Path:
        """Write the page to `path` and return it."""
        ...


@dataclass(frozen=True)
class DeploymentContext:
    """Where a deployment takes place, and who is asked.

    Attributes:
        store: MLflow.
        home: the project's folder.
        journal: the scoring log.
        serve: gives a server, of the format of requests, the server's folder and the model's name.
        consent: decides whether a flag is followed by a retrain.
        ask_promotion: asks whether a challenger replaces the champion; None where there is nobody.
        person: who is asked, such as `ada@host`.
        tell: hears of every step.
        write_report: writes the page; None for no page.
        ask_replacement: asks whether a new base model replaces the champion; None where there is nobody.
        server: options that name the server, for printed commands.
    """

    store: Store
    home: ProjectDir
    journal: Journal
    serve: Callable[[Literal["npy", "json"], Path, str], AbstractContextManager[PredictingService]]
    consent: Callable[[Flag], Approval]
    ask_promotion: Callable[[Challenger], bool] | None
    person: str
    tell: Tell
    write_report: ReportWriter | None
    ask_replacement: Callable[[str], bool] | None = None
    server: Mapping[str, object] = field(default_factory=dict)

    def registry(self, name: str) -> Registry:
        """A model's versions, of which those may be used that are trusted here."""
        return trusted_registry(self.store, name, self.journal)

    def championship(self, registry: Registry, service: PredictingService) -> Championship:
        """Changes of champion that the deployment's own server follows."""
        return Championship(registry, lambda: service, self.journal, self.home, self.tell)

    def served(self, options: DeployOptions, identity: str) -> AbstractContextManager[PredictingService]:
        """A server for the time of a deployment."""
        folder = self.home.deployment(identity) / "server"
        return self.serve(options.format, folder, options.model_name)

    def alone(self, identity: str) -> AbstractContextManager[None]:
        """Nobody may resume a deployment that is under way, with whatever server."""
        return self.home.lock(f"deployment-{identity}", doing=f"running deployment {identity}")

    def open_run(self, experiment: str, identity: str, *, run_id: str | None = None) -> AbstractContextManager[Run]:
        """A deployment's MLflow run: a new one, or `run_id` again.

        MLflow's column of names is narrow, so the name is the time; the tag `drift.deployment` holds the whole id.
        """
        _, day, time, _ = identity.rsplit("-", 3)
        name = f"deployment {day[4:6]}-{day[6:]} {time[:2]}:{time[2:4]}"
        return open_run(self.store, experiment, name=name, kind="deployment", run_id=run_id)
