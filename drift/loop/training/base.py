"""Train the first model: what `base_model.py` and `mlflow run .` do."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from drift import __version__, next_steps
from drift.charts import figures
from drift.data.blocks import Reference, Table
from drift.errors import DataError, StateError, resumable
from drift.loop.card import Card, DataSource, require_one_line
from drift.loop.events import Notice, Tell, nobody
from drift.loop.options import BaseOptions
from drift.loop.project_dir import ProjectDir
from drift.loop.releases.candidate import champion_of, table_tags, usable_name
from drift.loop.releases.trusted import remember_trained
from drift.loop.training.fitting import Fitted, Place, epoch_metrics, search_and_fit
from drift.loop.training.run_description import (
    data_parameters,
    fitted_words,
    model_summary,
    network_parameters,
    training_parameters,
    words,
)
from drift.metrics.classification.reliability import calibration_error, counted
from drift.models.predict import LocalPredictor
from drift.system.devices import resolve_device
from drift.tracking.connection.store import Store
from drift.tracking.runs.lookup import end_forgotten, find_runs
from drift.tracking.runs.open_runs import LoggedMetric, LoggedModel, Run, base_run, open_run, to_json

VALIDATION_SHARE = 0.15  # of the training rows: the last ones, in time order
MIN_ROWS = 40  # fewer training rows than this say nothing about anything


@dataclass(frozen=True)
class BaseResult:
    """A trained and logged base model.

    Attributes:
        run_id: of its MLflow run.
        experiment: of that run.
        accuracy: on the validation rows, in [0, 1].
        fitted: the network, and every trial of the search.
        model: as it was logged.
        card: what it was made from.
        tracking_uri: of MLflow, without a password.
        next_step: the command that deploys it, or what has to be done before.
    """

    run_id: str
    experiment: str
    accuracy: float
    fitted: Fitted
    model: LoggedModel
    card: Card
    tracking_uri: str
    next_step: str = ""

    def __str__(self) -> str:
        """Its accuracy, and what to do now."""
        count = len(self.fitted.outcomes)
        trials = "1 trial" if count == 1 else f"{count} trials"
        text = f"base model of run {self.run_id}: accuracy {self.accuracy:.4f}, the best of {trials}"
        return f"{text}\nnext: {self.next_step}" if self.next_step else text

    @property
    def trials(self) -> list[dict[str, object]]:
        """Every trial of the search, as plain values."""
        return [
            {"trial": trial.index, "status": str(trial.status), "accuracy": trial.accuracy, **trial.parameters}
            for trial in self.fitted.outcomes
        ]


def split(rows: range, *, share: float = VALIDATION_SHARE) -> tuple[range, range]:
    """Earlier rows to fit on, later rows to validate on."""
    middle = rows.stop - max(1, round(len(rows) * share))
    return range(rows.start, middle), range(middle, rows.stop)


def rows_wanted(table: Table, wanted: float) -> int:
    """`wanted` as a number of rows: a share of the table if it is between 0 and 1, else the number itself."""
    count = 0 if not isfinite(wanted) else int(wanted * len(table)) if 0 < wanted < 1 else int(wanted)
    if not MIN_ROWS <= count <= len(table):
        requested = f"--train_rows {wanted:g}" + (f" of {len(table)} rows" if 0 < wanted < 1 else "")
        raise DataError(
            f"expected at least {MIN_ROWS} training rows and at most the {len(table)} that {table.name} has,"
            f" got {count} ({requested})"
        )
    return count


def train_base(
    table: Table,
    source: DataSource,
    wanted: BaseOptions,
    *,
    store: Store,
    home: ProjectDir,
    resume: bool = False,
    tell: Tell = nobody,
) -> BaseResult:
    """Search, fit, and log everything that later steps need.

    Args:
        table: all rows; only those to train on are looked at.
        source: where the table came from, for later commands to find it again.
        wanted: experiment, rows to train on, and how much to try.
        store: MLflow.
        home: where an interrupted search is remembered.
        resume: go on with the last unfinished base training of the same options and device, instead of beginning one.
        tell: hears of every epoch and trial.
    """
    require_one_line(*table.feature_names, *table.classes)
    experiment, options = wanted.experiment, wanted.train
    rows = range(rows_wanted(table, wanted.train_rows))
    table = table.known_from(rows)
    fit_rows, validation_rows = split(rows)
    digest = table.digest(rows)
    device = resolve_device(options.device)
    elsewhere = {} if device == "cpu" else {"device": device}  # a search goes on where it began
    described = to_json({"digest": digest, "max_epochs": options.max_epochs, "seed": options.seed} | elsewhere)
    tags = {"options": described, "digest": digest, "version": __version__, **table_tags(source)}
    details: dict[str, Any] = {"name": "BaseModel", "kind": "base", "tags": tags}
    with ExitStack() as stack:
        if resume:
            run_id = _unfinished(store, experiment, options=described)
            stack.enter_context(home.lock(f"search-{run_id}", doing=f"training run {run_id}"))
            tell(Notice(f"resuming base training {run_id}"))
            run = stack.enter_context(open_run(store, experiment, run_id=run_id, **details))
        else:
            run = stack.enter_context(base_run(store, experiment, **details))
            stack.enter_context(home.lock(f"search-{run.id}", doing=f"training run {run.id}"))
        stack.enter_context(resumable())
        end_forgotten(store, experiment, family=run.id)
        named = {"train_rows": wanted.train_rows, "mlflow_experiment_name": experiment, "data": source.name}
        run.params(training_parameters(options) | named)
        train, validation = table.part(fit_rows), table.part(validation_rows)
        classes = table.classes[: 1 + int(table.labels[rows.start : rows.stop].max())]
        run.dataset(table, fit_rows, context="training", source=source.name)
        run.dataset(table, validation_rows, context="validation", source=source.name)
        run.params(data_parameters(table, fit=fit_rows, validation=validation_rows))
        place = Place(store, experiment, run.id, home.search(run.id), "base", {"family": run.id})
        fitted = search_and_fit(train, validation, classes=len(classes), options=options, place=place, tell=tell)
        probabilities = LocalPredictor(fitted.net).predict(validation.features).probabilities
        reference = Reference(validation.features, validation.labels, probabilities, table.feature_names, classes)
        model, card = log_model(
            run, fitted, reference, table, fit_rows=fit_rows, held_out=validation_rows, source=source, home=home
        )
        run.describe(
            f"Base model: the best of {len(fitted.outcomes)} trials on rows {words(fit_rows)} of `{source.name}`, with"
            f" accuracy {reference.accuracy:.4f} on rows {words(validation_rows)}. Trials and challengers are its"
            f" children. Chosen: {fitted_words(fitted.parameters)}."
        )
    return BaseResult(run.id, experiment, reference.accuracy, fitted, model, card, store.address)


def next_step(result: BaseResult, store: Store, *, rows_left: int) -> str:
    """The command that deploys a base model: a user's own table gets a name of its own, that no other's model has.

    Where a champion of that name has seen all rows, nothing can be deployed before there are later ones.
    """
    card, source = result.card, result.card.source
    model = usable_name(store, card, default=source.path is None)
    serving = champion_of(store, model)
    if serving is not None:
        version, own = serving
        rows = card.seen + rows_left
        if own.seen >= rows:
            before = next_steps.nothing_is_new(version.number, model, rows, Path(source.name).name)
            return f"{before}; then: {next_steps.deploy(result.experiment, model, source.options)}"
        rows_left = min(rows_left, rows - own.seen)
    return next_steps.after_base(result.experiment, model, source.options, rows_left=rows_left)


def log_model(
    run: Run,
    fitted: Fitted,
    reference: Reference,
    table: Table,
    *,
    fit_rows: range,
    held_out: range,
    source: DataSource,
    home: ProjectDir,
) -> tuple[LoggedModel, Card]:
    """Log a fitted network with its card, reference, chosen parameters and pictures; note that it was trained here.

    Args:
        run: that trained it.
        fitted: the network.
        reference: its answers to the rows that it was accepted on.
        table: that these rows are of.
        fit_rows: that it has learned from.
        held_out: rows of the reference.
        source: of the table.
        home: the project's folder.
    """
    card = Card(
        feature_names=reference.feature_names,
        classes=reference.classes,
        parameters=dict(fitted.parameters),
        fit_rows=(fit_rows.start, fit_rows.stop),
        reference_rows=(held_out.start, held_out.stop),
        digest=table.digest(range(held_out.stop)),
        source=source,
    )
    run.params(fitted.parameters)  # called as in the trials, so that parent and child stand side by side
    run.params(network_parameters(fitted.net))
    run.text("model_summary.txt", model_summary(fitted.net))
    run.metrics(
        [
            *epoch_metrics(list(fitted.epochs)),
            LoggedMetric("reference/accuracy", reference.accuracy),
            LoggedMetric(
                "reference/calibration_error", calibration_error(counted(reference.labels, reference.probabilities))
            ),
            LoggedMetric("search/seconds", fitted.seconds),
        ]
    )
    run.reference(reference)
    model = run.model(
        fitted.net,
        example=reference.features[:4],
        answer=reference.probabilities[:4],
        card=card.to_metadata(),
        reference=reference,
    )
    if fitted.epochs:
        run.figure("learning_curves", figures.learning_curves(fitted.epochs))
    run.figure("search_history", figures.search_history(fitted.outcomes))
    run.figure("confusion", figures.confusion_matrix(reference, card.classes))
    run.figure("calibration", figures.calibration_curve(reference))
    run.tag(model_id=model.model_id, sha256=model.sha256)
    remember_trained(home, model, run.id)
    return model, card


def _unfinished(store: Store, experiment: str, *, options: str) -> str:
    for run in find_runs(store, experiment, kind="base"):
        # MLflow calls a run FINISHED once its model is logged, which is not yet the end of ours
        complete = run.status == "FINISHED" and "drift.model_id" in run.tags
        if not complete and run.tags.get("drift.options") == options:
            return run.id
    raise StateError(
        f"experiment {experiment!r} has no unfinished base training with these options on this data and device;"
        " run without --resume"
    )
