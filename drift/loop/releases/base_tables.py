"""Of which table a base run was made: what `drift base` notes of it in MLflow, and how `drift deploy` matches it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drift.errors import DriftError
from drift.loop.card import Card, DataSource
from drift.tracking.connection.store import Store
from drift.tracking.runs.lookup import RunRecord, model_card

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
