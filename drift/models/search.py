"""The one door to Ax: suggests parameters, hears results epoch by epoch, stops hopeless trials, survives interruption.

Knows nothing of networks or MLflow: an objective is a function of a `Trial`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from drift.errors import StateError, TrainingError
from drift.system.quiet import not_autologged, quiet
from drift.system.signals import raise_lost_interrupt
from drift.system.threads import one_thread

Value = float | int
MIN_TRIALS_TO_COMPARE = 4  # a trial is hopeless only beside this many others...
HOPELESS_PERCENTILE = 40.0  # ...and when it is among the worst 40 % of them at the same epoch


@dataclass(frozen=True)
class NumberRange:
    """A number to search between two bounds."""

    name: str
    low: float
    high: float
    log: bool = False
    whole: bool = False


@dataclass(frozen=True)
class NumberChoice:
    """A number to choose from a few, in increasing order."""

    name: str
    values: tuple[int, ...]


class Status(StrEnum):
    """How a trial ended."""

    COMPLETED = "completed"
    STOPPED = "stopped early"
    FAILED = "failed"


@dataclass(frozen=True)
class TrialOutcome:
    """A finished trial.

    Attributes:
        index: from 0.
        parameters: that were tried.
        accuracy: validation accuracy at its last epoch; nan if it failed.
        status: how the trial ended.
    """

    index: int
    parameters: Mapping[str, Value]
    accuracy: float
    status: Status


class Trial:
    """One set of parameters, being tried."""

    def __init__(self, client: Any, index: int, parameters: Mapping[str, Value]) -> None:
        self.index = index
        self.parameters = parameters
        self.accuracy = float("nan")
        self.stopped = False
        self.curve: list[tuple[int, float]] = []  # epoch and accuracy
        self._client = client

    def report(self, epoch: int, accuracy: float) -> bool:
        """Tell the accuracy after `epoch` (from 1); True means that the trial is worth going on with."""
        if not np.isfinite(accuracy):
            raise TrainingError(f"trial {self.index}: accuracy {accuracy} at epoch {epoch}")
        self.accuracy = accuracy
        self.curve.append((epoch, accuracy))
        self._client.attach_data(self.index, {"accuracy": accuracy}, progression=epoch)
        self.stopped = bool(self._client.should_stop_trial_early(self.index))
        return not self.stopped


class Search:
    """Trials one after another, each remembered on disk as soon as it ends."""

    def __init__(self, space: tuple[NumberRange | NumberChoice, ...], *, trials: int, seed: int, state: Path) -> None:
        """Begin a search, or go on with the one that `state` (a JSON file) remembers."""
        if trials < 1:
            raise TrainingError(f"expected 1 trial or more, got {trials}")
        self.trials = trials
        self.state = state
        self._snapshot = state.with_suffix(".tmp")
        self.outcomes: list[TrialOutcome] = []
        self._interrupted: tuple[int, dict[str, Value]] | None = None  # a trial to be run again, and its parameters
        self._curves: list[list[tuple[int, float]]] = []  # of each outcome: epoch and accuracy
        self._client = self._begin(space, seed)
        self._stop_hopeless_trials()
        if state.exists():
            self._resume()

    def run(self, objective: Callable[[Trial], None]) -> TrialOutcome:
        """Try what is left to try and return the best outcome.

        A trial whose objective raises `TrainingError` is marked as failed, and the search goes on. A trial that was
        interrupted is run again first, with the same parameters, so that a search with an interruption gives what one
        without it gives.

        Raises:
            TrainingError: when every trial failed.
        """
        while len(self.outcomes) < self.trials:
            raise_lost_interrupt()
            index, parameters = self._next()
            self._save(running=(index, parameters))
            trial = Trial(self._client, index, parameters)
            with quiet():
                try:
                    objective(trial)
                    status = self._finish(trial)
                except TrainingError as error:
                    self._client.mark_trial_failed(index, failed_reason=str(error))
                    trial.accuracy, status = float("nan"), Status.FAILED
            self.outcomes.append(TrialOutcome(index, trial.parameters, trial.accuracy, status))
            self._curves.append(trial.curve)
            self._save()
        return self.best()

    def _next(self) -> tuple[int, dict[str, Value]]:
        """The trial that was interrupted, else what Ax suggests."""
        if self._interrupted is not None:
            again, self._interrupted = self._interrupted, None
            return again
        with quiet(), not_autologged(), one_thread():
            ((index, parameters),) = self._client.get_next_trials(max_trials=1).items()
        return int(index), dict(parameters)

    def best(self) -> TrialOutcome:
        """The outcome with the highest observed accuracy; the earliest of equals."""
        usable = [outcome for outcome in self.outcomes if outcome.status is Status.COMPLETED]
        if not usable:
            raise TrainingError(f"all {len(self.outcomes)} trials failed; see their runs for the reasons")
        return max(usable, key=lambda outcome: outcome.accuracy)

    def _finish(self, trial: Trial) -> Status:
        if trial.stopped:
            self._client.mark_trial_early_stopped(trial.index)
            return Status.STOPPED
        self._client.complete_trial(trial.index)
        return Status.COMPLETED

    def _begin(self, space: tuple[NumberRange | NumberChoice, ...], seed: int) -> Any:
        with quiet():
            from ax.api.client import Client
            from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

            client = Client(random_seed=seed)
            client.configure_experiment(
                parameters=[
                    RangeParameterConfig(
                        name=part.name,
                        bounds=(part.low, part.high),
                        parameter_type="int" if part.whole else "float",
                        scaling="log" if part.log else "linear",
                    )
                    if isinstance(part, NumberRange)
                    else ChoiceParameterConfig(
                        name=part.name, values=list(part.values), parameter_type="int", is_ordered=True
                    )
                    for part in space
                ],
                name="drift",
            )
            client.configure_optimization(objective="accuracy")
            client.configure_generation_strategy(
                initialization_budget=3,
                initialization_random_seed=seed,
                allow_exceeding_initialization_budget=True,
            )
        return client

    def _stop_hopeless_trials(self) -> None:
        """Ax's snapshot forgets this strategy, so a resumed search is given it again."""
        from ax.early_stopping.strategies import PercentileEarlyStoppingStrategy

        self._client.set_early_stopping_strategy(
            PercentileEarlyStoppingStrategy(
                percentile_threshold=HOPELESS_PERCENTILE, min_progression=1, min_curves=MIN_TRIALS_TO_COMPARE
            )
        )

    def _resume(self) -> None:
        """Repeat what was suggested and reported, so that Ax goes on exactly as if nothing had been interrupted.

        Ax's own snapshot does not: the models it fits after loading one suggest parameters that differ from the third
        digit on. It is loaded only where Ax suggests others than it did, which another version of it may.
        """
        try:
            remembered = json.loads(self.state.read_text())
            outcomes = [TrialOutcome(**{**o, "status": Status(o["status"])}) for o in remembered["outcomes"]]
            curves = [[(int(epoch), float(accuracy)) for epoch, accuracy in curve] for curve in remembered["curves"]]
            running = remembered["running"]
            interrupted = None if running is None else (int(running[0]), dict(running[1]))
            if len(curves) != len(outcomes):
                raise ValueError(f"{len(outcomes)} outcomes and {len(curves)} curves")
            self._snapshot.write_text(json.dumps(remembered["ax"]))
            if not self._repeat(outcomes, curves, interrupted):
                from ax.api.client import Client

                with quiet():
                    self._client = Client.load_from_json_file(str(self._snapshot))
                self._stop_hopeless_trials()
        except OSError as error:
            raise StateError(f"the search in {self.state} cannot be read: {error.strerror or error}") from error
        except Exception as error:  # Ax's reader of its own snapshot fails in many ways
            raise StateError(
                f"{self.state} is not a search to go on with ({' '.join(str(error).split())[:200]}); delete it to begin"
                " anew"
            ) from error
        self.outcomes, self._curves, self._interrupted = outcomes, curves, interrupted

    def _repeat(
        self,
        outcomes: list[TrialOutcome],
        curves: list[list[tuple[int, float]]],
        interrupted: tuple[int, dict[str, Value]] | None,
    ) -> bool:
        """Report earlier outcomes to a new client; False as soon as it suggests something else than it did."""
        for outcome, curve in zip(outcomes, curves, strict=True):
            if self._next() != (outcome.index, dict(outcome.parameters)):
                return False
            trial = Trial(self._client, outcome.index, outcome.parameters)
            with quiet():
                for epoch, accuracy in curve:
                    trial.report(epoch, accuracy)
                if outcome.status is Status.FAILED:
                    self._client.mark_trial_failed(outcome.index, failed_reason="failed")
                elif outcome.status is Status.STOPPED:
                    self._client.mark_trial_early_stopped(outcome.index)
                else:
                    self._client.complete_trial(outcome.index)
        return interrupted is None or self._next() == interrupted

    def _save(self, *, running: tuple[int, dict[str, Value]] | None = None) -> None:
        """Ax's own snapshot, what came of each trial, and which one is under way: one file, replaced whole."""
        try:
            self.state.parent.mkdir(parents=True, exist_ok=True)
            with quiet():
                self._client.save_to_json_file(str(self._snapshot))
            outcomes = [asdict(outcome) for outcome in self.outcomes]
            remembered = {
                "outcomes": outcomes,
                "curves": self._curves,
                "running": running,
                "ax": json.loads(self._snapshot.read_text()),
            }
            self._snapshot.write_text(json.dumps(remembered))
            self._snapshot.replace(self.state)
        except OSError as error:
            raise StateError(f"the search cannot be remembered in {self.state}: {error.strerror}") from error
