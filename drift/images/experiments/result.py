"""What an experiment found: ready to be printed, drawn on a page, and logged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from drift.tracking.runs.open_runs import LoggedMetric, open_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from drift.tracking.connection.store import Store


@dataclass(frozen=True)
class Tile:
    """A number that is seen first.

    Attributes:
        label: what it counts.
        value: as it is shown.
        note: below it.
    """

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Picture:
    """A picture under a heading.

    Attributes:
        name: of its file in MLflow.
        heading: above it.
        figure: of matplotlib.
        says: what is to be seen on it.
    """

    name: str
    heading: str
    figure: Figure
    says: str


@dataclass(frozen=True)
class Numbers:
    """A table under a heading.

    Attributes:
        heading: above it.
        columns: headers.
        rows: cells, one for each column.
        says: below it.
    """

    heading: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    says: str = ""


@dataclass(frozen=True)
class ExperimentResult:
    """What an experiment found.

    Attributes:
        name: of the command, such as `simulate`.
        title: of its page.
        sentences: what came of it.
        table: the numbers.
        points: the same for MLflow.
        records: the same for a program.
        tiles: numbers that are seen first.
        pictures: of the page.
        summary: what the records do not have.
    """

    name: str
    title: str
    sentences: Sequence[str]
    table: Numbers
    points: list[LoggedMetric]
    records: list[dict[str, object]]
    tiles: Sequence[Tile] = ()
    pictures: Sequence[Picture] = ()
    summary: Mapping[str, object] = field(default_factory=dict)

    def log(self, store: Store, experiment: str, *, options: Mapping[str, object], files: Sequence[Path]) -> str:
        """Log numbers, pictures and files in one run of MLflow; returns the run's id.

        Args:
            store: MLflow.
            experiment: its name.
            options: of the command.
            files: artifacts, such as the page.
        """
        with open_run(store, experiment, name=f"images {self.name}", kind=f"images-{self.name}") as run:
            run.params(options)
            run.describe(f"Image experiment `drift images {self.name}`; its page is among the artifacts.")
            run.metrics(self.points)
            for picture in self.pictures:
                run.figure(picture.name, picture.figure)
            for file in files:
                run.file(file)
            return run.id
