"""Train a challenger on the rows seen so far and compare it with the champion, row by row.

The rows are cut in time order: fit | tune | held out. Trials fit on the first and are chosen on the second; the chosen
parameters are fitted again on both; champion and challenger then answer the held-out rows, which neither has learned
from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from drift.data.blocks import Reference, Table
from drift.detect import PairedTest, mcnemar_test
from drift.errors import DataError, TrackingError
from drift.loop.card import Card
from drift.loop.events import ChallengerCompared, Notice
from drift.loop.options import PromoteMode, RetrainOptions
from drift.loop.releases.promote import Championship, card_of
from drift.loop.retraining.repeated_challengers import Recipe, Refused, RepeatedError, require_new_search, same_model
from drift.loop.training.base import MIN_ROWS, log_model, split
from drift.loop.training.fitting import Fitted, Place, WarmStart, build, fit_options, search_and_fit
from drift.loop.training.run_description import data_parameters, fitted_words, training_parameters, words
from drift.models.predict import LocalPredictor
from drift.system.devices import resolve_device
from drift.tracking.connection.addresses import RUN_ID
from drift.tracking.connection.store import Store
from drift.tracking.registry import CHALLENGER, Version
from drift.tracking.runs.lookup import find_runs
from drift.tracking.runs.open_runs import LoggedMetric, Run, name_trials, open_run, parent_in

HELD_OUT_SHARE = 0.2  # of the rows that the challenger may use...
MOST_HELD_OUT = 1_000  # ...but no more: the newest rows are the most precious ones to learn from


@dataclass(frozen=True)
class Occasion:
    """Why a challenger is trained, and on which rows.

    Attributes:
        table: coded as the champion sees it (`Card.fit_to`).
        stop: one past the last row whose label is known.
        champion: the version to beat.
        cause: why now, in words.
        evidence: why now, in numbers; kept in the audit trail with the comparison.
    """

    table: Table
    stop: int
    champion: Version
    cause: str
    evidence: dict[str, Any]

    def tags(self, model_name: str) -> dict[str, object]:
        """Tags of the runs of the model `model_name`."""
        deployment = self.evidence.get("deployment") or by_hand(model_name)
        tries = {name: self.evidence[name] for name in ("try", "tries") if name in self.evidence}
        return {"cause": self.cause, "deployment": deployment} | tries


def by_hand(model_name: str) -> str:
    """What stands for a deployment in the tags of a retrain that none asked for."""
    return f"by hand, {model_name}"


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
class ChallengeConfig:
    """Where challenges take place, and who decides.

    Attributes:
        championship: of the model.
        experiment: MLflow experiment of the runs.
        options: how challengers are made.
        mode: who or what decides about a promotion.
        ask: asks a person whether a challenger replaces the champion; None where there is nobody.
        person: who that is, such as `ada@host`.
    """

    championship: Championship
    experiment: str
    options: RetrainOptions
    mode: PromoteMode
    ask: Callable[[Challenger], bool] | None
    person: str


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

    def learned(self, champion: Card) -> int:
        """Number of rows of the final fit that came since a champion was made."""
        return len(range(max(self.fit.start, champion.seen), self.tune.stop))


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


def retrain(occasion: Occasion, config: ChallengeConfig, refused: Sequence[Refused] = ()) -> Challenger:
    """Train, log, register and compare a challenger; promotes nothing.

    Args:
        occasion: rows, champion and cause.
        config: where, and how.
        refused: challengers of this champion that are not to be made again.

    Raises:
        RepeatedError: the challenger would be one of `refused`.
    """
    table, stop, champion, cause = occasion.table, occasion.stop, occasion.champion, occasion.cause
    experiment, options = config.experiment, config.options
    registry, home, tell = config.championship.registry, config.championship.home, config.championship.tell
    store = registry.store
    champion_card = card_of(registry, champion)
    parts = split_seen(champion_card, stop, window_rows=options.window_rows, held_out_rows=options.held_out_rows)
    refit, held_out = parts.refit, parts.held_out
    recipe = _recipe(champion, parts, options)
    require_new_search(recipe, refused)
    new = max(0, stop - champion_card.seen)
    tell(
        Notice(
            f"retraining on rows {refit.start} to {refit.stop - 1}"
            f" ({'warm' if options.warm_start else 'fresh'} start;"
            f" {parts.learned(champion_card):,} of the {new:,} new ones),"
            f" held out {held_out.start} to {stop - 1}"
        )
    )
    champion_model = LocalPredictor.from_file(registry.release(champion).model_file, version=champion.number)
    warm = _warm(champion_model, champion_card) if options.warm_start else None
    tags = occasion.tags(registry.name)
    tagged = champion.tags.get("drift.base_run", "")
    base = tagged if RUN_ID.fullmatch(tagged) else champion.run_id
    child: dict[str, object] = {"base_run": base}
    parent = parent_in(store, experiment, base, parameters=champion_card.parameters)
    with open_run(store, experiment, name="challenger", kind="retrain", parent=parent, tags=tags | child) as run:
        place = Place(store, experiment, parent, home.search(run.id), "retrain", tags | {"challenger_run": run.id})
        best = search_and_fit(
            table.part(parts.fit), table.part(parts.tune), classes=len(table.classes), options=options.train,
            place=place, tell=tell, warm=warm,
        )  # fmt: skip
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
            rows = table.part(held_out)
            answer = LocalPredictor(fitted.net).predict(rows.features)
            test = mcnemar_test(
                champion_model.predict(rows.features).predictions == rows.labels,
                answer.predictions == rows.labels,
                level=options.level,
            )
            _log(run, table, parts, options, champion, test)
            reference = Reference(rows.features, rows.labels, answer.probabilities, table.feature_names, table.classes)
            model, card = log_model(
                run, fitted, reference, table, fit_rows=refit, held_out=held_out, source=champion_card.source, home=home
            )
            version = registry.register(
                model, run.id, kind="retrain", champion=champion.number, cause=cause, recipe=identity.to_tag(), **child
            )
            registry.point(CHALLENGER, version.number)
            run.tag(challenger=version.number)
            run.rename(f"challenger v{version.number}")
            run.describe(
                f"Challenger of version {champion.number}, registered as version {version.number} of `{registry.name}`:"
                f" fitted on rows {words(refit)}, compared on rows {words(held_out)}, which neither has"
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
    tell(ChallengerCompared(champion.number, version.number, test, (held_out.start, held_out.stop)))
    most_frequent = float(np.bincount(rows.labels).max() / len(rows.labels))
    if max(test.challenger_accuracy, test.champion_accuracy) < most_frequent:
        tell(
            Notice(
                f"neither is better than always answering with the most frequent class ({most_frequent:.3f} of the"
                " held-out rows): more rows of the new kind may be needed, or --window_rows without the old ones"
            )
        )
    return Challenger(version, card, test, held_out, run.id, replace(identity, version=version.number), new)


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


def _fit(table: Table, parts: Split, options: RetrainOptions, best: Fitted, warm: WarmStart | None) -> Fitted:
    """The chosen parameters, fitted again on all training rows."""
    from drift.models.fit import fit

    everything, classes = table.part(parts.refit), len(table.classes)
    net = build(everything, best.parameters, classes=classes, seed=options.train.seed, warm=warm)
    chosen, device = fit_options(best.parameters, options.train), options.train.device
    epochs = fit(net, everything, table.part(parts.held_out), chosen, device=device)
    return replace(best, net=net.eval(), epochs=tuple(epochs))


def _log(run: Run, table: Table, parts: Split, options: RetrainOptions, champion: Version, test: PairedTest) -> None:
    run.params(
        training_parameters(options.train)
        | {
            "window_rows": options.window_rows or "all",
            "warm_start": options.warm_start,
            "promote_level": options.level,
            "champion_version": champion.number,
        }
    )
    run.params(data_parameters(table, fit=parts.fit, tune=parts.tune, held_out=parts.held_out))
    run.dataset(table, parts.refit, context="training")
    run.dataset(table, parts.held_out, context="held out")
    values = {
        "accuracy": test.challenger_accuracy,
        "accuracy_champion": test.champion_accuracy,
        "difference": test.difference,
        "p_value": test.p_value,
    }
    run.metrics([LoggedMetric(f"held_out/{name}", value) for name, value in values.items()])


def _warm(champion: LocalPredictor, card: Card) -> WarmStart:
    """The champion's weights in a network that can be trained; an exported one cannot."""
    from drift.models.network import Shape, TableNet
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
