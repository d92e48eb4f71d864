"""Search for parameters and fit: every trial a nested child run, every interruption survived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from drift.data.blocks import Rows
from drift.errors import StateError, TrainingError
from drift.loop.events import EpochFinished, SearchBegan, Tell, TrialFinished
from drift.loop.options import TrainOptions
from drift.loop.training.run_description import network_parameters
from drift.models.search import NumberChoice, NumberRange, Search, Status, Trial, TrialOutcome
from drift.system.devices import resolve_device
from drift.system.disk import write_at_once
from drift.tracking.connection.store import Store
from drift.tracking.runs.open_runs import LoggedMetric, open_run

if TYPE_CHECKING:  # these bring torch along, which most commands do without
    from drift.models.fit import Epoch, FitOptions
    from drift.models.network import Shape, TableNet

FITTING = (
    NumberRange("learning_rate", 2e-3, 5e-2, log=True),
    NumberRange("weight_decay", 1e-6, 1e-2, log=True),
    NumberRange("dropout", 0.0, 0.4),
    NumberChoice("batch_size", (128, 256, 512, 1024)),
)
SHAPE = (NumberChoice("width", (16, 32, 64, 128)), NumberRange("depth", 1, 3, whole=True))

SOUGHT = {"base": "base model", "retrain": "challenger"}  # by stage


@dataclass(frozen=True)
class WarmStart:
    """A network to start from, instead of fresh weights.

    Attributes:
        net: a fitted network.
        shape: of that network.
    """

    net: TableNet
    shape: Shape


@dataclass(frozen=True)
class Fitted:
    """The best of a search.

    Attributes:
        net: on the CPU, ready to answer.
        parameters: of the best trial, by name.
        outcomes: of every trial, in order.
        epochs: of the best trial.
        seconds: that the whole search took.
    """

    net: TableNet
    parameters: Mapping[str, float | int]
    outcomes: tuple[TrialOutcome, ...]
    epochs: tuple[Epoch, ...]
    seconds: float


@dataclass(frozen=True)
class Place:
    """Where trials are logged and remembered.

    Attributes:
        store: MLflow.
        experiment: its name.
        parent: run id of the parent of the trials.
        folder: of the search, on disk.
        stage: `base` or `retrain`.
        tags: of every trial.
    """

    store: Store
    experiment: str
    parent: str
    folder: Path
    stage: str
    tags: Mapping[str, object]


def search_and_fit(
    train: Rows,
    validation: Rows,
    *,
    classes: int,
    options: TrainOptions,
    place: Place,
    tell: Tell,
    warm: WarmStart | None = None,
) -> Fitted:
    """Try `options.total_trials` sets of parameters and keep the one that validates best.

    Args:
        train: rows to fit on.
        validation: later rows, to judge trials by.
        classes: number of classes.
        options: how much to try.
        place: the parent run, and the folder from which an interrupted search goes on.
        tell: hears of every epoch and trial.
        warm: start every trial from these weights and keep their shape and preprocessing.

    Raises:
        TrainingError: when no trial gave a usable network.
        UsageError: no such device.
    """
    from drift.models.fit import fit

    device = resolve_device(options.device)
    if len(set(train.labels.tolist())) < 2:
        raise TrainingError(f"the {len(train)} training rows are all of one class: take more rows, or other ones")
    began = monotonic()
    space = FITTING if warm else FITTING + SHAPE
    search = Search(space, trials=options.total_trials, seed=options.seed, state=place.folder / "search.json")
    tell(SearchBegan(options.total_trials, options.max_epochs, len(search.outcomes)))

    def objective(trial: Trial) -> None:
        started = monotonic()
        parameters = dict(trial.parameters) | (_shape_parameters(warm.shape) if warm else {})
        history: list[Epoch] = []

        def keep_going(epoch: Epoch) -> bool:
            history.append(epoch)
            tell(EpochFinished(trial.index, epoch))
            return trial.report(epoch.number, epoch.val_accuracy)

        status = Status.FAILED
        run_id = ""
        try:
            with open_run(
                place.store,
                place.experiment,
                name=f"{place.stage} trial {trial.index}",
                kind="trial",
                parent=place.parent,
                tags=dict(place.tags) | {"trial": trial.index, "stage": place.stage},
            ) as run:
                run_id = run.id
                run.params(
                    parameters
                    | {"max_epochs": options.max_epochs, "seed": options.seed, "train_rows": len(train)}
                    | {"validation_rows": len(validation), "device": device}
                )
                run.describe(
                    f"Trial {trial.index}, of {options.total_trials}, of the search for a {SOUGHT[place.stage]}."
                )
                try:
                    net = build(train, parameters, classes=classes, seed=options.seed, warm=warm)
                    run.params(network_parameters(net))
                    chosen = fit_options(parameters, options)
                    fit(net, train, validation, chosen, keep_going=keep_going, device=device)
                except (RuntimeError, MemoryError) as error:  # torch's own, out of memory among them
                    raise TrainingError(f"trial {trial.index}: {error}") from error
                finally:
                    run.metrics(epoch_metrics(history))
                status = Status.STOPPED if trial.stopped else Status.COMPLETED
                run.tag(status=status)
            _save(net, history, place.folder / f"trial-{trial.index}.pt")
        finally:
            tell(TrialFinished(trial.index, run_id, parameters, trial.accuracy, status, monotonic() - started))

    best = search.run(objective)
    parameters = dict(best.parameters) | (_shape_parameters(warm.shape) if warm else {})
    net = build(train, parameters, classes=classes, seed=options.seed, warm=warm)
    epochs = _load(net, place.folder / f"trial-{best.index}.pt")
    return Fitted(
        net=net.eval(),
        parameters=parameters,
        outcomes=tuple(search.outcomes),
        epochs=epochs,
        seconds=monotonic() - began,
    )


def build(
    train: Rows, parameters: Mapping[str, float | int], *, classes: int, seed: int, warm: WarmStart | None = None
) -> TableNet:
    """A network ready to be fitted: fresh, or a copy of a warm one with another dropout."""
    import copy

    import torch

    from drift.models.network import TableNet
    from drift.models.quantiles import fit_quantile_ranks

    shape = _shape(parameters)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        ranks = copy.deepcopy(warm.net.ranks) if warm else fit_quantile_ranks(train.features)
        net = TableNet(ranks, shape, classes)
    if warm:
        net.load_state_dict(warm.net.state_dict())
    return net


def fit_options(parameters: Mapping[str, float | int], options: TrainOptions) -> FitOptions:
    """A trial's parameters as options of a fit."""
    from drift.models.fit import FitOptions

    return FitOptions(
        learning_rate=float(parameters["learning_rate"]),
        weight_decay=float(parameters["weight_decay"]),
        batch_size=int(parameters["batch_size"]),
        max_epochs=options.max_epochs,
        seed=options.seed,
    )


def epoch_metrics(history: list[Epoch]) -> list[LoggedMetric]:
    """Learning curves as points with the epoch as step."""
    return [
        LoggedMetric(key, value, epoch.number)
        for epoch in history
        for key, value in (
            ("train/loss", epoch.train_loss),
            ("val/loss", epoch.val_loss),
            ("val/accuracy", epoch.val_accuracy),
        )
    ]


def _shape(parameters: Mapping[str, float | int]) -> Shape:
    from drift.models.network import Shape

    return Shape(int(parameters["width"]), int(parameters["depth"]), float(parameters["dropout"]))


def _shape_parameters(shape: Shape) -> dict[str, float | int]:
    return {"width": shape.width, "depth": shape.depth}


def _save(net: TableNet, history: list[Epoch], path: Path) -> None:
    """Remember a trial's network, whole or not at all.

    Raises:
        StateError: the file cannot be written.
    """
    from io import BytesIO

    import torch

    content = BytesIO()
    torch.save({"weights": net.state_dict(), "history": [asdict(epoch) for epoch in history]}, content)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_at_once(path, content.getvalue())
    except OSError as error:
        raise StateError(f"the trial cannot be remembered in {path}: {error.strerror or error}") from error


def _load(net: TableNet, path: Path) -> tuple[Epoch, ...]:
    """Put a trial's weights into `net`, and return its epochs.

    Raises:
        StateError: the file is missing, cannot be read, or holds no such network.
    """
    from io import BytesIO

    import torch

    from drift.models.fit import Epoch

    damaged = False
    try:
        content = BytesIO(path.read_bytes())
        damaged = True  # unless all that follows goes well; torch's reader raises OSError, too
        saved: dict[str, Any] = torch.load(content, weights_only=True)
        net.load_state_dict(saved["weights"])
        return tuple(Epoch(**epoch) for epoch in saved["history"])
    except Exception as error:  # torch's reader fails in a dozen ways on what is no such file
        reason = error.strerror if isinstance(error, OSError) and not damaged else "it is damaged"
        raise StateError(
            f"the best trial's network {path} cannot be read: {reason}; put a copy of it back, or delete"
            f" {path.parent} to begin the search anew"
        ) from error
