"""Which base run a deployment takes, and under which name: the best run of its experiment, or of all experiments.

`drift base` notes of which table a run was made, and `drift deploy` matches it. A name in the registry is one table's:
where a model's own name is taken by a model of another table, it gets another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

from drift import next_steps
from drift.errors import DriftError, TrackingError
from drift.invocation import Options
from drift.loop.card import Card, DataSource
from drift.loop.releases.promote import card_of
from drift.tracking.connection.store import Store
from drift.tracking.registry import CHAMPION, PREVIOUS, Registry, Version
from drift.tracking.runs.lookup import RunRecord, experiment_of, find_runs, find_runs_everywhere, model_card

ELEC = DataSource().name


@dataclass(frozen=True)
class BaseTable:
    """The table of a base run.

    Attributes:
        source: as far as it is known.
        whole: whether time and ignored columns are known: runs of older versions note them in the model's card alone.
    """

    source: DataSource
    whole: bool = True

    @property
    def columns(self) -> tuple[str | None, str | None, frozenset[str]]:
        """Label, time and ignored columns."""
        return self.source.label, self.source.time, frozenset(self.source.ignore)

    @property
    def words(self) -> str:
        """File and columns, for a list of tables."""
        label, time, ignore = self.columns
        named = {"label": label, "time": time, "without": ", ".join(sorted(ignore))}
        columns = ", ".join(f"{what} {name}" for what, name in named.items() if name)
        return f"{self.source.file or ELEC}{f' ({columns})' if columns else ''}"


def table_tags(source: DataSource) -> dict[str, str]:
    """Tags of a base run that name its table; the embedded stream has its name alone."""
    if source.path is None:
        return {"source": source.name}
    columns = {"label": source.label or "", "time": source.time or "", "ignore": ",".join(source.ignore)}
    return {"source": source.name, **columns}


def noted_table(run: RunRecord) -> BaseTable:
    """The table of a base run, as far as its tags name it."""
    name = run.tags.get("drift.source", "")
    if name == ELEC:
        return BaseTable(DataSource())
    label, time, ignore = (run.tags.get(f"drift.{column}") or None for column in ("label", "time", "ignore"))
    source = DataSource(name, label, time, tuple(ignore.split(",")) if ignore else ())
    return BaseTable(source, whole="drift.ignore" in run.tags)


def table_of(run: RunRecord, store: Store) -> BaseTable:
    """The table of a base run, by its tags or by its model's card."""
    noted = noted_table(run)
    if noted.whole:
        return noted
    try:
        return BaseTable(card_of_run(run, store).source)
    except DriftError:  # what is known is enough to go on with
        return noted


def tables_of(runs: Sequence[RunRecord], store: Store) -> list[tuple[BaseTable, RunRecord]]:
    """The different tables of base runs, each with its newest run.

    A table that is not known as a whole is left out beside another of the same file, since it may be the same.

    Args:
        runs: of base models, newest first.
        store: MLflow.
    """
    known: dict[tuple[DataSource, str], BaseTable] = {}  # a card is read once for the same rows
    newest: dict[tuple[object, ...], tuple[BaseTable, RunRecord]] = {}
    for run in reversed(runs):
        rows = noted_table(run).source, run.tags["drift.digest"]
        table = known[rows] if rows in known else known.setdefault(rows, table_of(run, store))
        newest[table.source.file, table.columns] = table, run
    tables = [table for table, _ in newest.values()]
    return [
        (table, run)
        for table, run in newest.values()
        if table.whole or not any(other is not table and _may_be(table, other) for other in tables)
    ]


def _may_be(partly: BaseTable, other: BaseTable) -> bool:
    label = partly.source.label
    return partly.source.file == other.source.file and label in (None, other.source.label)


def of_file(runs: Sequence[RunRecord], source: DataSource) -> list[RunRecord]:
    """Base runs of the file and label column of `source`, with whatever time and ignored columns."""
    return [run for run in runs if _may_be(noted_table(run), BaseTable(source))]


def of_table(runs: Sequence[RunRecord], source: DataSource, store: Store) -> list[RunRecord]:
    """Base runs of the table that was named: of its file, label, time and ignored columns, or of its features.

    Args:
        runs: of base models, newest first.
        source: the table that was named.
        store: MLflow.

    Raises:
        DataError: there are base runs of the file and label, but the table cannot be read as it was named.
    """
    alike = of_file(runs, source)
    tables = [table_of(run, store) for run in alike]
    wanted = BaseTable(source).columns
    exact = [run for run, table in zip(alike, tables, strict=True) if table.columns == wanted or not table.whole]
    if exact or not any(table.source.label == source.label for table in tables):
        return exact
    names = source.load().feature_names
    same_label = (run for run, table in zip(alike, tables, strict=True) if table.source.label == source.label)
    return [run for run in same_label if card_of_run(run, store).feature_names == names]


def is_of_table(card: Card, source: DataSource) -> bool:
    """Whether a model was made from the table that was named.

    Raises:
        DataError: file and label are the model's, but the table cannot be read as it was named.
    """
    own = card.source
    if (own.file, own.label) != (source.file, source.label):
        return False
    return BaseTable(own).columns == BaseTable(source).columns or source.load().feature_names == card.feature_names


def card_of_run(run: RunRecord, store: Store) -> Card:
    """The card of a base run's model."""
    return Card.from_metadata(model_card(store, run.tags["drift.model_id"]))


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
        newer: the newest base run, where that is not the best one; else None.
    """

    run: RunRecord
    experiment: str
    registered: Version | None
    champion: Version | None
    compared: int
    elsewhere: bool
    newer: RunRecord | None = None

    @property
    def words(self) -> str:
        """Which run this is, for the audit trail."""
        if self.champion is not None and self.compared == 0:
            return f"version {self.champion.number}, of whose table there is no base run"
        among = f"best of {self.compared} base runs" if self.compared > 1 else "base run"
        accuracy = self.run.metrics.get("reference/accuracy")
        measured = "" if accuracy is None else f", validation accuracy {accuracy:.3f}"
        return f"{among} of experiment {self.experiment}{measured}"

    @property
    def taken_words(self) -> str:
        """Which run is taken and why, and how the newest one did where that is passed over."""
        version = "" if self.registered is None else f" (version {self.registered.number})"
        taken = f"taking run {self.run.id}{version}, {self.words}"
        if self.newer is None:
            return taken
        accuracy = self.newer.metrics.get("reference/accuracy")
        measured = "no validation accuracy" if accuracy is None else f"{accuracy:.3f} on the same rows"
        return f"{taken}; the newest one, {self.newer.id}, has {measured}"


def find_candidate(
    registry: Registry, experiment: str, source: DataSource | None, *, given: Options | None = None
) -> Candidate:
    """The best base run of an experiment, or of all experiments if that one has none.

    Where a version serves, only base runs of its table are taken from other experiments, unless another table is named;
    if there are none (its base run was deleted in MLflow), it goes on serving.

    Accuracies can be compared only on the same rows, so the best is sought among the runs on the newest run's rows.

    Args:
        registry: of the model that is to be deployed.
        experiment: the one that was named.
        source: the table that was named; None leaves all tables.
        given: further options that a command in an error repeats.

    Raises:
        TrackingError: when no base run is finished, when the experiment has none and those of other experiments are of
            several tables, or when the champion was made from another table.
    """
    store = registry.store
    known = store.find_experiment(experiment)
    runs = _finished(find_runs(store, experiment, kind="base"), source, store) if known is not None else []
    champion = registry.holder(CHAMPION)
    elsewhere = not runs
    if elsewhere:
        runs = _finished(find_runs_everywhere(store, kind="base"), source, store)
        serving = _champion_without_base(registry, champion, experiment, source)
        if serving is not None and champion is not None:
            runs = _of_same_table(card_of(registry, champion), runs, registry)
            if not runs:
                return serving
        _require_one_table(registry, runs, experiment)
    if not runs:
        raise _none_finished(store, experiment, source, registry.name)
    same_rows = [run for run in runs if run.tags["drift.digest"] == runs[0].tags["drift.digest"]]
    best = max(same_rows, key=lambda run: run.metrics.get("reference/accuracy", 0.0))  # the newest of equals
    if champion is not None:
        _require_same_table(registry, champion, best, given or {})
    registered = [version for version in registry.versions() if version.run_id == best.id]
    holder = experiment_of(store, best.id) if elsewhere else experiment
    newest = registered[-1] if registered else None
    newer = None if best.id == runs[0].id else runs[0]
    return Candidate(best, holder, newest, champion, len(same_rows), elsewhere, newer)


def _champion_without_base(
    registry: Registry, champion: Version | None, experiment: str, source: DataSource | None
) -> Candidate | None:
    """The champion, as if its base run was deleted in MLflow; None where it is of another table than the one named."""
    if champion is None:
        return None
    if source is not None and not is_of_table(card_of(registry, champion), source):
        return None
    run = RunRecord(champion.run_id, "FINISHED", {}, {}, {"drift.model_id": champion.model_id})
    return Candidate(run, experiment, registered=champion, champion=champion, compared=0, elsewhere=False)


def _of_same_table(serving: Card, runs: Sequence[RunRecord], registry: Registry) -> list[RunRecord]:
    """Base runs whose models could replace the one that serves; one model of each set of rows is looked at."""
    same: dict[str, bool] = {}
    runs = of_file(runs, serving.source)
    for run in runs:
        if (digest := run.tags["drift.digest"]) not in same:
            same[digest] = serving.of_same_table(card_of_run(run, registry.store))
    return [run for run in runs if same[run.tags["drift.digest"]]]


def _finished(runs: Sequence[RunRecord], source: DataSource | None, store: Store) -> list[RunRecord]:
    """Base runs with a model, of the named table."""
    done = [run for run in runs if run.status == "FINISHED" and {"drift.model_id", "drift.digest"} <= run.tags.keys()]
    return done if source is None else of_table(done, source, store)


def _none_finished(store: Store, experiment: str, source: DataSource | None, model: str) -> TrackingError:
    """What is said where there is no base run; other columns of the same file and label are named."""
    if source is None:
        first = next_steps.train_base(experiment)
        return TrackingError(
            f"experiment {experiment!r} has no finished base model, and no other experiment has one; train one first:"
            f" {first}"
        )
    wanted = BaseTable(source).words
    text = f"experiment {experiment!r} has no finished base model of {wanted}, and no other experiment has one"
    alike = tables_of(of_file(_finished(find_runs_everywhere(store, kind="base"), None, store), source), store)
    if not alike:
        return TrackingError(f"{text}; train one first: {next_steps.train_base(experiment, source.options)}")
    return TrackingError(f"{text}; there are base models of {_listed(alike, store, model)}")


def _listed(tables: Sequence[tuple[BaseTable, RunRecord]], store: Store, model: str) -> str:
    """Tables with an experiment of each, and the command that deploys a base model of the first."""
    named = [(table, experiment_of(store, run.id)) for table, run in tables]
    first, experiment = named[0]
    return (
        f"{', '.join(f'{table.words} in experiment {name!r}' for table, name in named)}; name one, such as:"
        f" {next_steps.deploy(experiment, model, first.source.options)}"
    )


def _require_one_table(registry: Registry, runs: Sequence[RunRecord], experiment: str) -> None:
    tables = tables_of(runs, registry.store)
    if len(tables) < 2:
        return
    raise TrackingError(
        f"experiment {experiment!r} has no finished base model, and those of other experiments are of"
        f" {len(tables)} tables: {_listed(tables, registry.store, registry.name)}"
    )


def _require_same_table(registry: Registry, champion: Version, best: RunRecord, given: Options) -> None:
    """A name in the registry is one model's: a rollback to a model of another table could not serve."""
    serving = card_of(registry, champion)
    wanted = card_of_run(best, registry.store)
    if not serving.of_same_table(wanted):
        experiment = experiment_of(registry.store, best.id)
        name = usable_name(registry.store, wanted, default=False)
        raise TrackingError(
            f"version {champion.number} of {registry.name} was made from {serving.table_words}, the best base run of"
            f" {experiment!r} from {wanted.table_words}: deploy it under another --register_model_name, such as:"
            f" {next_steps.deploy(experiment, name, wanted.source.options, **given)}"
        )


def usable_name(store: Store, card: Card, *, default: bool) -> str:
    """The first name under which a model can be deployed: it is free, or its champion was made from the same table.

    Args:
        store: MLflow.
        card: of the model that is to be deployed.
        default: whether the default name is tried first, before those that are made from the name of the table.

    Raises:
        TrackingError: MLflow is away.
    """
    own = next_steps.model_names(card.source.path)
    names = chain([next_steps.DEFAULT_MODEL], own) if default else own
    return next(name for name in names if _is_usable(Registry(store, name), card))


def champion_of(store: Store, name: str) -> tuple[Version, Card] | None:
    """The version that serves under a name that `usable_name` gave, with its card; None where none does."""
    registry = Registry(store, name)
    version = registry.holder(CHAMPION)
    return None if version is None else (version, card_of(registry, version))


def served_as(registry: Registry, card: Card) -> str | None:
    """Another name under which a champion of the same table serves; None without one, or where this name has versions.

    A name that was mistyped would else begin another model beside the one that is meant.

    Args:
        registry: of the name that was given.
        card: of the model that is to be deployed.
    """
    if registry.versions():
        return None
    for name in registry.others():
        with suppress(DriftError):  # its card is damaged
            champion = champion_of(registry.store, name)
            if champion is not None and champion[1].of_same_table(card):
                return name
    return None


def _is_usable(registry: Registry, card: Card) -> bool:
    serving = registry.holder(CHAMPION) or registry.holder(PREVIOUS)
    if serving is None:
        return True
    try:
        return card_of(registry, serving).of_same_table(card)
    except DriftError:  # its card is damaged: nobody knows of which table it is
        return False
