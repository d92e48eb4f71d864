"""Train a challenger on the rows seen so far and compare it with the champion, row by row.

The rows are cut in time order: fit | tune | held out. Trials fit on the first and are chosen on the second; the chosen
parameters are fitted again on both; champion and challenger then answer the held-out rows, which neither has learned
from.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from drift.data.blocks import Reference, Table
from drift.detect import PairedTest, mcnemar_test
from drift.errors import DataError, TrackingError
from drift.loop.card import Card
from drift.loop.events import ChallengerCompared, Notice, Tell
from drift.loop.options import RetrainOptions
from drift.loop.project_dir import ProjectDir
from drift.loop.releases.promote import card_of
from drift.loop.releases.trusted import remember_trained
from drift.loop.retraining.repeated_challengers import Recipe, Refused, RepeatedError, require_new_search, same_model
from drift.loop.training.base import MIN_ROWS, log_model, split
from drift.loop.training.fitting import Fitted, Place, WarmStart, build, fit_options, search_and_fit
from drift.loop.training.run_description import data_parameters, fitted_words, words
from drift.models.fit import fit
from drift.models.network import Shape, TableNet
from drift.models.predict import LocalPredictor
from drift.system.devices import resolve_device
from drift.tracking.connection.ids import RUN_ID
from drift.tracking.connection.store import Store
from drift.tracking.registry import CHALLENGER, Registry, Version
from drift.tracking.runs.lookup import find_runs
from drift.tracking.runs.open_runs import LoggedMetric, Run, open_run
from drift.tracking.runs.parents import name_trials, parent_in

HELD_OUT_SHARE = 0.2  # of the rows that the challenger may use...
MOST_HELD_OUT = 1_000  # ...but no more: the newest rows are the most precious ones to learn from


@dataclass(frozen=True)
class Challenger:
    """A trained and registered challenger, compared with the champion.

    Attributes:
        version: as it is registered.
        card: what it was made from.
        test: of challenger and champion on the held-out rows.
        held_out: rows that neither has learned from.
        run_id: of the MLflow run that trained it.
        refused: what identifies it among refused challengers; None where nothing does.
        new_rows: rows that came since the champion was made, learned from or held out; None if not known.
    """

    version: Version
    card: Card
    test: PairedTest
    held_out: range
    run_id: str
    refused: Refused | None = None
    new_rows: int | None = None


@dataclass(frozen=True)
class Split:
    """Consecutive rows: to fit on, to choose on, to compare on.

    Attributes:
        fit: rows that trials are fitted on.
        tune: later rows that trials are chosen on.
        held_out: the last rows, for the comparison.
    """

    fit: range
    tune: range
    held_out: range

    @property
    def refit(self) -> range:
        """Rows of the final fit."""
        return range(self.fit.start, self.tune.stop)


def split_seen(champion: Card, stop: int, *, window_rows: int | None, held_out_rows: int | None) -> Split:
    """Cut the rows before `stop`; held-out rows begin after the last row that the champion's weights have seen.

    By default a fifth of the window is held out, 1,000 rows at most, and no more than half of the rows that came after
    the champion was made: the other half is what the challenger can learn the change from.
    """
    start = max(0, stop - window_rows) if window_rows else 0
    new = stop - champion.seen
    fair = min(MOST_HELD_OUT, round((stop - start) * HELD_OUT_SHARE), *([max(MIN_ROWS, new // 2)] if new > 0 else []))
    wanted = held_out_rows or fair
    held_out = range(max(stop - wanted, champion.fit_rows[1]), stop)
    usable = range(start, held_out.start)
    if len(held_out) < MIN_ROWS or len(usable) < MIN_ROWS:
        raise DataError(
            f"expected at least {MIN_ROWS} rows to train on and {MIN_ROWS} to compare on, got {len(usable)} and"
            f" {len(held_out)} of rows {start} to {stop - 1} (the champion has learned from those before"
            f" {champion.fit_rows[1]}): score more rows first"
            + (", or set other --window_rows or --held_out_rows" if window_rows or held_out_rows else "")
        )
    fit_rows, tune = split(usable)
    return Split(fit_rows, tune, held_out)


def retrain(
    table: Table,
    stop: int,
    champion: Version,
    *,
    registry: Registry,
    home: ProjectDir,
    experiment: str,
    options: RetrainOptions,
    tell: Tell,
    cause: str,
    tags: dict[str, object] | None = None,
    refused: Sequence[Refused] = (),
) -> Challenger:
    """Train, log, register and compare a challenger; promotes nothing.

    Args:
        table: coded as the champion sees it (`Card.fit_to`).
        stop: one past the last row whose label is known.
        champion: the version to beat.
        registry: where the challenger is registered.
        home: where the search is remembered.
        experiment: MLflow experiment of the trials.
        options: how.
        tell: hears of every step.
        cause: why, for the runs' tags.
        tags: further tags of the runs.
        refused: challengers of this champion that are not to be made again.

    Raises:
        RepeatedError: the challenger would be one of `refused`.
    """
    store = registry.store
    champion_card = card_of(registry, champion)
    parts = split_seen(champion_card, stop, window_rows=options.window_rows, held_out_rows=options.held_out_rows)
    recipe = _recipe(champion, parts, options)
    require_new_search(recipe, refused)
    new = max(0, stop - champion_card.seen)
    learned = len(range(max(parts.refit.start, champion_card.seen), parts.refit.stop))
    tell(
        Notice(
            f"retraining on rows {parts.refit.start} to {parts.refit.stop - 1}"
            f" ({'warm' if options.warm_start else 'fresh'} start; {learned:,} of the {new:,} new ones),"
            f" held out {parts.held_out.start} to {stop - 1}"
        )
    )
    champion_model = LocalPredictor.from_file(registry.release(champion).model_file, version=champion.number)
    warm = _warm(champion_model, champion_card) if options.warm_start else None
    all_tags = {"cause": cause, **(tags or {})}
    tagged = champion.tags.get("drift.base_run", "")
    base = tagged if RUN_ID.fullmatch(tagged) else champion.run_id
    child: dict[str, object] = {"base_run": base}
    parent = parent_in(store, experiment, base, parameters=champion_card.parameters)
    with open_run(store, experiment, name="challenger", kind="retrain", parent=parent, tags=all_tags | child) as run:
        place = Place(store, experiment, parent, home.search(run.id), "retrain", all_tags | {"challenger_run": run.id})
        best = _search(table, parts, options, place, tell, warm)
        identity = Refused(0, recipe, best.parameters)
        repeated = same_model(recipe, best.parameters, refused)
        if repeated is not None:
            run.tag(repeats=repeated.version)
            run.describe(
                f"On the same rows, the search chose the parameters of version {repeated.version}, which"
                f" {repeated.state}."
            )
        else:
            fitted = _fit(table, parts, options, best, warm)
            rows = table.part(parts.held_out)
            answer = LocalPredictor(fitted.net).predict(rows.features)
            probabilities = answer.probabilities
            test = mcnemar_test(
                champion_model.predict(rows.features).predictions == rows.labels,
                answer.predictions == rows.labels,
                level=options.level,
            )
            card = Card(
                feature_names=table.feature_names,
                classes=table.classes,
                parameters=dict(fitted.parameters),
                fit_rows=(parts.refit.start, parts.refit.stop),
                reference_rows=(parts.held_out.start, parts.held_out.stop),
                digest=table.digest(range(parts.held_out.stop)),
                source=champion_card.source,
            )
            _log(run, table, parts, options, champion, test)
            reference = Reference(rows.features, rows.labels, probabilities, table.feature_names, table.classes)
            model = log_model(run, fitted, reference, card)
            remember_trained(home, model, run.id)
            version = registry.register(
                model, run.id, kind="retrain", champion=champion.number, cause=cause, recipe=identity.to_tag(), **child
            )
            registry.point(CHALLENGER, version.number)
            run.tag(challenger=version.number)
            run.rename(f"challenger v{version.number}")
            run.describe(
                f"Challenger of version {champion.number}, registered as version {version.number} of `{registry.name}`:"
                f" fitted on rows {words(parts.refit)}, compared on rows {words(parts.held_out)}, which neither has"
                f" learned from: accuracy {test.challenger_accuracy:.4f} against {test.champion_accuracy:.4f}."
                f" Why: {cause}. Chosen: {fitted_words(fitted.parameters)}."
            )
            name_trials(store, experiment, run.id, version.number)
    home.forget_search(run.id)
    if repeated is not None:
        raise RepeatedError(
            f"on these rows, the search chose the parameters of version {repeated.version} again, which"
            f" {repeated.state}: not tested again"
        )
    tell(ChallengerCompared(champion.number, version.number, test, (parts.held_out.start, parts.held_out.stop)))
    most_frequent = float(np.bincount(rows.labels).max() / len(rows.labels))
    if max(test.challenger_accuracy, test.champion_accuracy) < most_frequent:
        tell(
            Notice(
                f"neither is better than always answering with the most frequent class ({most_frequent:.3f} of the"
                " held-out rows): more rows of the new kind may be needed, or --window_rows without the old ones"
            )
        )
    return Challenger(version, card, test, parts.held_out, run.id, replace(identity, version=version.number), new)


def _recipe(champion: Version, parts: Split, options: RetrainOptions) -> Recipe:
    return Recipe(
        champion=champion.number,
        fit_rows=(parts.refit.start, parts.refit.stop),
        held_out_rows=(parts.held_out.start, parts.held_out.stop),
        max_epochs=options.train.max_epochs,
        seed=options.train.seed,
        device=resolve_device(options.train.device),
        warm_start=options.warm_start,
        total_trials=options.train.total_trials,
    )


def _search(
    table: Table, parts: Split, options: RetrainOptions, place: Place, tell: Tell, warm: WarmStart | None
) -> Fitted:
    train, tune, classes = table.part(parts.fit), table.part(parts.tune), len(table.classes)
    return search_and_fit(train, tune, classes=classes, options=options.train, place=place, tell=tell, warm=warm)


def _fit(table: Table, parts: Split, options: RetrainOptions, best: Fitted, warm: WarmStart | None) -> Fitted:
    """The chosen parameters, fitted again on all training rows."""
    everything, classes = table.part(parts.refit), len(table.classes)
    net = build(everything, best.parameters, classes=classes, seed=options.train.seed, warm=warm)
    chosen, device = fit_options(best.parameters, options.train), options.train.device
    epochs = fit(net, everything, table.part(parts.held_out), chosen, device=device)
    return replace(best, net=net.eval(), epochs=tuple(epochs))


def _log(run: Run, table: Table, parts: Split, options: RetrainOptions, champion: Version, test: PairedTest) -> None:
    run.params(
        {
            "max_epochs": options.train.max_epochs,
            "total_trials": options.train.total_trials,
            "seed": options.train.seed,
            "device": resolve_device(options.train.device),
            "window_rows": options.window_rows or "all",
            "warm_start": options.warm_start,
            "promote_level": options.level,
            "champion_version": champion.number,
        }
    )
    run.params(data_parameters(table, fit=parts.fit, tune=parts.tune, held_out=parts.held_out))
    for rows, context in ((parts.refit, "training"), (parts.held_out, "held out")):
        run.dataset(table.part(rows), name=table.name, source=table.name, context=context, digest=table.digest(rows))
    run.metrics(
        [
            LoggedMetric("held_out/accuracy", test.challenger_accuracy),
            LoggedMetric("held_out/accuracy_champion", test.champion_accuracy),
            LoggedMetric("held_out/difference", test.difference),
            LoggedMetric("held_out/p_value", test.p_value),
        ]
    )


def _warm(champion: LocalPredictor, card: Card) -> WarmStart:
    """The champion's weights in a network that can be trained; an exported one cannot."""
    from drift.models.quantiles import QuantileRanks

    state = dict(champion.module.state_dict())
    parameters = card.parameters
    shape = Shape(int(parameters["width"]), int(parameters["depth"]), float(parameters["dropout"]))
    ranks = QuantileRanks(state["ranks.knots"].clone(), state["ranks.ranks"].clone())
    net = TableNet(ranks, shape, len(card.classes))
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        raise TrackingError(
            f"the champion's weights do not fit its card ({error}); retrain with a fresh start"
        ) from error
    return WarmStart(net, shape)


def retrain_cost(store: Store, experiment: str, options: RetrainOptions) -> str:
    """What a retrain takes, in words; the time is that of the newest search of the experiment."""
    rows = f"the last {options.window_rows:,} rows" if options.window_rows else "all rows seen so far"
    text = f"{options.train.total_trials} trials of {options.train.max_epochs} epochs on {rows}"
    with suppress(TrackingError):  # a question is asked without it, too
        for kind in ("retrain", "base"):
            for run in find_runs(store, experiment, kind=kind):
                if "search/seconds" in run.metrics:
                    return f"{text}; the newest search took {run.metrics['search/seconds']:.0f} s"
    return text
