"""Which base run a deployment takes: the best of its experiment, or of all experiments where that one has none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from drift import next_steps
from drift.errors import TrackingError
from drift.loop.cards import Card, DataSource
from drift.loop.model_names import usable_name
from drift.loop.promote import card_of
from drift.tracking.found import FoundRun, experiment_of, find_runs, find_runs_everywhere, model_card
from drift.tracking.registry import CHAMPION, Registry, Version


@dataclass(frozen=True)
class Candidate:
    """The best base run, and what the registry made of it.

    Attributes:
        run: the finished base run with the highest validation accuracy on the rows of the newest one.
        experiment: the name of the experiment that holds the run.
        registered: the newest version that was registered from the run; None if it never was.
        champion: the version that serves; None if there is none.
        compared: number of base runs on the same rows; 0 where the champion is taken because there is none.
        elsewhere: whether the run is of another experiment than the one that was named.
    """

    run: FoundRun
    experiment: str
    registered: Version | None
    champion: Version | None
    compared: int
    elsewhere: bool

    @property
    def words(self) -> str:
        """Which run this is, for the audit trail."""
        if self.champion is not None and self.compared == 0:
            return f"version {self.champion.number}, of whose table there is no base run"
        among = f"best of {self.compared} base runs" if self.compared > 1 else "base run"
        accuracy = self.run.metrics.get("reference/accuracy")
        measured = "" if accuracy is None else f", validation accuracy {accuracy:.3f}"
        return f"{among} of experiment {self.experiment}{measured}"


def find_candidate(registry: Registry, experiment: str, source: DataSource | None) -> Candidate:
    """The best base run of an experiment, or of all experiments if that one has none.

    Where a version serves, only base runs of its table are taken from other experiments, unless another table is named;
    if there are none (its base run was deleted in MLflow), it goes on serving.

    Accuracies can be compared only on the same rows, so the best is sought among the runs on the newest run's rows.

    Args:
        registry: of the model that is to be deployed.
        experiment: the one that was named.
        source: the table that was named; None leaves all tables.

    Raises:
        TrackingError: when no base run is finished, when the experiment has none and those of other experiments are of
            several tables, or when the champion was made from another table.
    """
    store = registry.store
    known = store.find_experiment(experiment)
    runs = _finished(find_runs(store, experiment, kind="base"), source) if known is not None else []
    champion = registry.holder(CHAMPION)
    elsewhere = not runs
    if elsewhere:
        runs = _finished(find_runs_everywhere(store, kind="base"), source)
        serving = _champion_without_base(registry, champion, experiment, source)
        if serving is not None and champion is not None:
            runs = _of_same_table(card_of(registry, champion), runs, registry)
            if not runs:
                return serving
        _require_one_table(registry, runs, experiment)
    if not runs:
        wanted = f" of {source.name}" if source else ""
        table = source.options if source else {}
        raise TrackingError(
            f"experiment {experiment!r} has no finished base model{wanted}, and no other experiment has one;"
            f" train one first: {next_steps.train_base(experiment, table)}"
        )
    same_rows = [run for run in runs if run.tags["drift.digest"] == runs[0].tags["drift.digest"]]
    best = max(same_rows, key=lambda run: run.metrics.get("reference/accuracy", 0.0))  # the newest of equals
    if champion is not None:
        _require_same_table(registry, champion, best)
    registered = [version for version in registry.versions() if version.run_id == best.id]
    holder = experiment_of(store, best.id) if elsewhere else experiment
    newest = registered[-1] if registered else None
    return Candidate(best, holder, newest, champion, len(same_rows), elsewhere)


def _champion_without_base(
    registry: Registry, champion: Version | None, experiment: str, source: DataSource | None
) -> Candidate | None:
    """The champion, as if its base run was deleted in MLflow; None where it is of another table than the one named."""
    if champion is None:
        return None
    serving = card_of(registry, champion).source
    if source is not None and (source.file, source.label) != (serving.file, serving.label):
        return None
    run = FoundRun(champion.run_id, "FINISHED", {}, {}, {"drift.model_id": champion.model_id})
    return Candidate(run, experiment, registered=champion, champion=champion, compared=0, elsewhere=False)


def _of_same_table(serving: Card, runs: Sequence[FoundRun], registry: Registry) -> list[FoundRun]:
    """Base runs whose models could replace the one that serves; one model of each set of rows is looked at."""
    same: dict[str, bool] = {}
    wanted = {(serving.source.file, serving.source.label), (serving.source.file, None)}
    runs = [run for run in runs if _table_of(run) in wanted]
    for run in runs:
        if (digest := run.tags["drift.digest"]) not in same:
            same[digest] = serving.of_same_table(_card(registry, run))
    return [run for run in runs if same[run.tags["drift.digest"]]]


def _card(registry: Registry, run: FoundRun) -> Card:
    return Card.from_metadata(model_card(registry.store, run.tags["drift.model_id"]))


def _finished(runs: Sequence[FoundRun], source: DataSource | None) -> list[FoundRun]:
    """Base runs with a model, of the named table."""
    done = [run for run in runs if run.status == "FINISHED" and {"drift.model_id", "drift.digest"} <= run.tags.keys()]
    if source is None:
        return done
    wanted = (source.file, source.label)
    return [run for run in done if _table_of(run) in (wanted, (source.file, None))]


def _table_of(run: FoundRun) -> tuple[Path | None, str | None]:
    """File and label column of a base run's table; runs of ELEC have neither, those of older versions no label.

    The file is where the table is now: its path of the time of the run may be of before a move of the project.
    """
    name = run.tags.get("drift.source", "")
    return DataSource(None if name == DataSource().name else name).file, run.tags.get("drift.label")


def _require_one_table(registry: Registry, runs: Sequence[FoundRun], experiment: str) -> None:
    newest: dict[tuple[Path | None, str | None], FoundRun] = {}
    for run in reversed(runs):
        newest[_table_of(run)] = run
    for path, label in list(newest):
        if label is None and any(other != (path, label) and other[0] == path for other in newest):
            del newest[path, label]  # made before labels were noted: of the same table, as far as can be seen
    if len(newest) < 2:
        return
    names = {table: experiment_of(registry.store, run.id) for table, run in newest.items()}
    listed = [
        f"{path or DataSource().name}{f' (label {label})' if label else ''} in experiment {names[path, label]!r}"
        for path, label in newest
    ]
    first = next(iter(names.values()))
    raise TrackingError(
        f"experiment {experiment!r} has no finished base model, and those of other experiments are of"
        f" {len(newest)} tables: {', '.join(listed)}; name the experiment of one, such as:"
        f" {next_steps.deploy(first, registry.name)}"
    )


def _require_same_table(registry: Registry, champion: Version, best: FoundRun) -> None:
    """A name in the registry is one model's: a rollback to a model of another table could not serve."""
    serving = card_of(registry, champion)
    wanted = _card(registry, best)
    if not serving.of_same_table(wanted):
        experiment = experiment_of(registry.store, best.id)
        name = usable_name(registry.store, wanted, default=False)
        raise TrackingError(
            f"version {champion.number} of {registry.name} was made from {serving.table_words}, the best base run of"
            f" {experiment!r} from {wanted.table_words}: deploy it under another --register_model_name, such as:"
            f" {next_steps.deploy(experiment, name, wanted.source.options)}"
        )
