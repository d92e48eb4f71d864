"""Where the results of an experiment with images go: the terminal, a page, MLflow, and a file of numbers."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from os import getpid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from drift.commands import options as o
from drift.loop.options import Experiment
from drift.system.options import MORE, Option

if TYPE_CHECKING:
    from drift.images.experiments.result import ExperimentResult
    from drift.tracking.connection.store import Store


class ExperimentOptions(Protocol):
    """Options that can be looked at before anything is fetched or trained."""

    def check(self) -> None:
        """Raise `UsageError` for what cannot be met."""
        ...


@dataclass(frozen=True)
class OutputOptions:
    """Where an experiment's results go."""

    experiment: Experiment = "drift-images"
    html: Annotated[Path | None, Option("Where the page goes. Default: reports/.", MORE)] = None

    def connect(self, *options: ExperimentOptions) -> Store:
        """MLflow, once the options have been checked: bad ones leave nothing behind."""
        from drift.tracking.connection.store import connect

        for record in options:
            record.check()
        return connect(create=True)

    def write(
        self,
        result: ExperimentResult,
        store: Store,
        called: Mapping[str, Any],
        json: Path | None,
        *,
        as_markdown: bool = False,
    ) -> None:
        """Print what was found, write its page, log its run and write its numbers.

        Args:
            result: of the experiment.
            store: MLflow.
            called: options of the command.
            json: file for the numbers.
            as_markdown: also write the page without pictures beside it.
        """
        from drift.images.results.summaries import text_table
        from drift.report.images import markdown, write_images
        from drift.report.page import write_whole
        from drift.terminal import line_width

        table = text_table(result.table.columns, result.table.rows, line_width())
        for line in (*table, "", *result.sentences):
            print(line)
        page = write_images(self.html or self._default(result.name), result)
        files = [page]
        if as_markdown:
            files.append(page.with_suffix(".md"))
            write_whole(markdown(result), files[-1])
        run_id = result.log(store, self.experiment, options=called, files=files)
        print(f"run {run_id} in experiment {self.experiment} of {store.address}")
        print(f"page: {page}" + (f", and {files[-1].name} beside it" if as_markdown else ""))
        summary = {"summary": result.summary} if result.summary else {}
        o.write_json(json, called, result.records, run_id=run_id, **summary)

    @staticmethod
    def _default(name: str) -> Path:
        """A page of an experiment; several may begin in one second."""
        from drift.loop.project_dir import ProjectDir

        default = ProjectDir().new_report(f"images-{name}")
        return default.with_stem(f"{default.stem}-{getpid()}")


def left_out(line: str) -> None:
    """Say which file of a folder was left out."""
    print(line, file=sys.stderr)
