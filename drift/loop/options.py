"""What the loop's commands are asked for: the options of training, retraining and deployments, each declared once.

`drift.commands` makes the command line of these records, so importing this module is cheap.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from drift import next_steps
from drift.errors import ServingError, UsageError
from drift.system.devices import Device, Seed, resolve_device
from drift.system.options import DATA, MORE, CheckedOptions, Option, as_options, documented, split_names

if TYPE_CHECKING:
    from drift.loop.card import DataSource
    from drift.policies.parser import ParsedPolicy
    from drift.policies.protocol import MakeDetector, Policy, PolicySettings

ANY_BLOCKS = 2**31  # more than a deployment has: the number is not known before its table is read
NO_REASON = "no reason given"  # for the audit trail, where a person gives none
LEAST_WINDOW = 200  # rows, the least that --window_rows takes


class RetrainMode(StrEnum):
    """`--retrain`: what to do when drift is flagged, or when a policy's schedule wants a retrain."""

    ASK = "ask"
    ALWAYS = "always"
    NEVER = "never"


class PromoteMode(StrEnum):
    """`--promote`: what to do with a trained challenger; `auto` promotes it when the paired test says better."""

    AUTO = "auto"
    ASK = "ask"
    ALWAYS = "always"
    NEVER = "never"


def plain_name(name: str) -> str:
    """A model's name, which becomes a folder, a file, an address and a database key.

    Raises:
        UsageError: it is not plain.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise UsageError(
            f"expected 1 to 100 letters, digits, '.', '_' or '-', beginning with a letter or digit; got {name!r}"
        )
    return name


Experiment = Annotated[
    str, Option("MLflow experiment.", name="mlflow_experiment_name", envvar="MLFLOW_EXPERIMENT_NAME")
]
ModelName = Annotated[
    str, Option("Name in the model registry and on the server.", name="register_model_name", check=plain_name)
]


@documented
@dataclass(frozen=True)
class TableOptions(CheckedOptions):
    """A user's own table, or the embedded stream ELEC."""

    data: Annotated[Path | None, Option("CSV or Parquet, in time order. Default: ELEC.", DATA)] = None
    label: Annotated[str | None, Option("Column with the class.", DATA)] = None
    time: Annotated[
        str | None,
        Option(
            "Column with the time; adds time of day and of week. NAME:day_first or NAME:month_first says how"
            " 01/02/2026 is meant.",
            DATA,
        ),
    ] = None
    ignore: Annotated[str, Option("Columns to leave out: a,b,c.", DATA)] = ""

    @property
    def source(self) -> DataSource:
        """The table, not loaded yet.

        Raises:
            UsageError: the options name no table, or no column with the class.
        """
        from drift.loop.card import DataSource

        if self.data is None:
            if self.label or self.time or self.ignore:
                raise UsageError("--label, --time and --ignore describe a table of your own: name it with --data FILE")
            return DataSource()
        if self.label is None:
            raise UsageError("expected --label COLUMN with --data FILE: which column holds the class?")
        return DataSource(str(self.data.absolute()), self.label, self.time, split_names(self.ignore))


@documented
@dataclass(frozen=True)
class ServerOptions(CheckedOptions):
    """A server of the user's own that a command uses, instead of one that it starts."""

    server: Annotated[str | None, Option("The TorchServe at this URL, instead of one of our own.", MORE)] = None
    server_folder: Annotated[Path | None, Option("Its working directory: key_file.json and model_store/.", MORE)] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.server is None) != (self.server_folder is None):
            raise UsageError("expected --server URL with --server_folder DIR (its key_file.json and model_store/)")
        if self.server is not None:
            from drift.serving.torchserve.address import inference_url_of

            try:
                inference_url_of(self.server)
            except ServingError as error:
                raise UsageError(f"--server: {error}") from error


@documented
@dataclass(frozen=True)
class TrainOptions(CheckedOptions):
    """How much to try in a search for parameters, and where; trained networks are returned on the CPU."""

    max_epochs: Annotated[int, Option("Passes over the training rows in each trial.", min=1)] = 3
    total_trials: Annotated[int, Option("Sets of parameters that Ax tries.", min=1)] = 5
    seed: Seed = 0
    device: Device = "auto"

    def on_device(self, device: str | None = None) -> TrainOptions:
        """The same on a device that this machine has: the named one, or its own.

        Raises:
            UsageError: no such device.
        """
        return replace(self, device=resolve_device(device or self.device))


@documented
@dataclass(frozen=True)
class BaseOptions(CheckedOptions):
    """What `drift base` is asked for."""

    experiment: Experiment = next_steps.DEFAULT_EXPERIMENT
    train: TrainOptions = field(default_factory=TrainOptions)
    train_rows: Annotated[float, Option("Rows to train on, from the first: a share below 1, or a number.")] = 0.7

    def __post_init__(self) -> None:
        super().__post_init__()
        if isfinite(self.train_rows) and self.train_rows > 1 and self.train_rows % 1:
            raise UsageError(
                "expected train_rows to be a share of the rows below 1, or a whole number of rows, got"
                f" {self.train_rows:g}"
            )


@documented
@dataclass(frozen=True)
class RetrainOptions(CheckedOptions):
    """How to make a challenger, and when it counts as better."""

    train: TrainOptions = field(default_factory=lambda: TrainOptions(total_trials=2))
    window_rows: Annotated[
        int | None, Option("Train on the most recent rows only. Default: all seen so far.", min=LEAST_WINDOW)
    ] = None
    held_out_rows: Annotated[
        int | None,
        Option(
            "Newest rows, kept for the comparison. Default: a fifth, at most 1,000 and half of the new ones.",
            MORE,
            min=40,
        ),
    ] = None
    warm_start: Annotated[
        bool, Option("Start from the champion's weights.", MORE, flags="--warm_start/--fresh_start")
    ] = False
    level: Annotated[float, Option("Level of the paired test.", MORE, name="promote_level", min=0.0001, max=0.5)] = 0.05
    until_accepted: Annotated[
        int,
        Option(
            "Further tries, at most, while challengers are refused: twice the trials, then half of the window, and so"
            " on in turn. --promote_level holds over all tries together: each is tested at its share.",
            min=0,
            max=20,
        ),
    ] = 0

    def on_device(self, device: str | None = None) -> RetrainOptions:
        """The same on a device that this machine has; see `TrainOptions.on_device`."""
        return replace(self, train=self.train.on_device(device))

    def on_window(self, window_rows: int | None) -> RetrainOptions:
        """The same on another window of newest rows; on its own for None."""
        return self if window_rows is None else replace(self, window_rows=window_rows)

    def require_acceptable(self, promote: PromoteMode) -> None:
        """Raise `UsageError` for tries until a challenger is accepted where none is to be."""
        if promote is PromoteMode.NEVER and self.until_accepted:
            raise UsageError("--promote never accepts no challenger: leave out --until_accepted, or --promote never")


@documented
@dataclass(frozen=True)
class ManualRetrainOptions(CheckedOptions):
    """What `drift retrain` is asked for."""

    experiment: Experiment = next_steps.DEFAULT_EXPERIMENT
    retrain: RetrainOptions = field(default_factory=RetrainOptions)
    model_name: ModelName = next_steps.DEFAULT_MODEL
    promote: Annotated[PromoteMode, Option("auto: if the paired test says better.")] = PromoteMode.AUTO

    def __post_init__(self) -> None:
        super().__post_init__()
        self.retrain.require_acceptable(self.promote)


@documented
@dataclass(frozen=True)
class DeployOptions(CheckedOptions):
    """What `drift deploy` is asked for; kept in the log, so that a resumed deployment is the same one.

    Policies, with their numbers after colons: `never`, `every:K`, `threshold:ACCURACY`, `evidence:LOSS:BLOCKS` (or
    `harm`), `forecast:BLOCKS:ACCURACY`, `cost:ANSWERS`, `spaced:R`; and the name of a detector, for when
    it alarms: `accuracy`, `adwin`, `classifier`, `ddm`, `distances`, `eddm`, `energy`, `features`, `fhddm`, `hddm_a`,
    `hddm_w`, `kswin`, `mmd`, `page_hinkley`, `predictions`. `drift.policies.describe.policy_lines` says what each is.
    """

    experiment: Experiment = next_steps.DEFAULT_EXPERIMENT
    model_name: ModelName = next_steps.DEFAULT_MODEL
    test_data_rows: Annotated[int, Option("Rows to score, after those the model has seen.", min=1)] = 100
    start_row: Annotated[
        int | None, Option("First row to score. Default: the first that the model has not seen.", MORE, min=0)
    ] = None
    block_size: Annotated[int, Option("Rows scored together.", min=1)] = next_steps.DEFAULT_BLOCK_ROWS
    policy: Annotated[str, Option("When to retrain: one of the policies listed below.")] = "threshold"
    threshold_accuracy: Annotated[
        float,
        Option(
            "Of the policies threshold and forecast where their name gives none, and of the forecast after each block:"
            " accuracy below which a block is flagged.",
            min=0.0,
            max=1.0,
        ),
    ] = 0.55
    tolerated_loss: Annotated[
        float,
        Option("Of the policy evidence: accuracy that may be lost, of what was accepted.", min=0.001, max=0.99),
    ] = 0.02
    expected_run_length: Annotated[
        float, Option("Of the policy evidence: blocks between false alarms, at least, in the mean.", min=2)
    ] = 200
    cooldown_blocks: Annotated[
        int,
        Option(
            "Blocks after a retrain in which a flag asks for no other; the question at the end waits so long after a"
            " promotion only.",
            MORE,
            min=0,
        ),
    ] = 5
    ask: Annotated[RetrainMode, Option("What to do when a block is flagged.", name="retrain")] = RetrainMode.ASK
    promote: Annotated[
        PromoteMode,
        Option(
            "When a challenger is trained, or a new base model is beside a champion; auto: if the paired test says"
            " better."
        ),
    ] = PromoteMode.AUTO
    retrain: RetrainOptions = field(default_factory=RetrainOptions)
    shadow: Annotated[
        bool,
        Option(
            "A challenger answers new blocks unheard, beside the champion, and is promoted or given up when a bet on"
            " the difference says so, however often one looks."
        ),
    ] = False
    format: Annotated[Literal["npy", "json"], Option("How rows travel.", MORE)] = "npy"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.shadow and self.retrain.until_accepted:
            raise UsageError("expected --shadow or --until_accepted, got both: a shadow is judged on blocks to come")
        self.retrain.require_acceptable(self.promote)
        if reason := self.parsed_policy.replay_only:
            raise UsageError(
                f"expected a --policy that can be deployed, got {self.policy!r}, which is for drift replay only:"
                f" {reason}"
            )
        self.decides(ANY_BLOCKS)

    @property
    def parsed_policy(self) -> ParsedPolicy:
        """The policy's name, taken apart."""
        from drift.policies.parser import parse_policy

        return parse_policy(self.policy)

    def policy_settings(self, blocks: int) -> PolicySettings:
        """What the policy's name leaves to these options, in a deployment of so many blocks."""
        from drift.data.calendar import CALENDAR_NAMES
        from drift.policies.protocol import PolicySettings

        return PolicySettings(
            blocks,
            threshold_accuracy=self.threshold_accuracy,
            tolerated_loss=self.tolerated_loss,
            expected_run_length=self.expected_run_length,
            cooldown=self.cooldown_blocks,
            least_since_change=LEAST_WINDOW,
            least_window=LEAST_WINDOW,
            repeat_alarms=True,
            ignored_features=CALENDAR_NAMES,
        )

    def decides(self, blocks: int) -> Policy:
        """The policy, in a deployment of so many blocks.

        Raises:
            UsageError: a value that does not fit so many blocks.
        """
        return self.parsed_policy.policy(self.policy_settings(blocks))

    def detector(self) -> MakeDetector | None:
        """What makes the detector that the policy listens to; None if it listens to none."""
        return self.parsed_policy.detector(self.policy_settings(ANY_BLOCKS))

    @property
    def threshold(self) -> float | None:
        """Of the accuracy, in [0, 1]; None for a policy that has none."""
        from drift.policies.protocol import threshold_of

        return threshold_of(self.decides(ANY_BLOCKS))

    @property
    def forecast_threshold(self) -> float:
        """Accuracy that is forecast after each block: the policy's threshold, else `threshold_accuracy`."""
        return self.threshold_accuracy if self.threshold is None else self.threshold

    @property
    def flags_below(self) -> bool:
        """Whether the policy flags the blocks below its threshold, and no others."""
        from drift.policies import THRESHOLD

        return self.parsed_policy.declaration is THRESHOLD

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> DeployOptions:
        """The options that `to_json` wrote; a log without a device is of the CPU."""
        retrain = dict(values["retrain"])
        retrain["train"] = TrainOptions(**{"device": "cpu"} | retrain["train"])
        return cls(**values | {"retrain": RetrainOptions(**retrain)})

    def on_device(self, device: str | None = None) -> DeployOptions:
        """The same with retrains on a device that this machine has; see `TrainOptions.on_device`."""
        return replace(self, retrain=self.retrain.on_device(device))

    def retrain_options(self) -> dict[str, object]:
        """The options of the command that retrains by hand as this deployment would have, and promotes the better."""
        called = self.as_called()
        names = [
            "mlflow_experiment_name", "register_model_name", "max_epochs", "total_trials", "window_rows",
            "held_out_rows", "promote", "promote_level", "seed", "warm_start",
        ]  # fmt: skip
        if self.promote is PromoteMode.NEVER:
            called["promote"] = None  # the command would train a challenger that can never be promoted
        device = resolve_device(self.retrain.train.device)
        return {name: called[name] for name in names} | {
            "until_accepted": self.retrain.until_accepted or None,
            "device": None if device == resolve_device() else device,
        }

    def given(self) -> dict[str, object]:
        """The options that differ from the defaults, without those that name model and experiment.

        A printed command repeats them, so that whoever types it does not lose them.
        """
        named = ("mlflow_experiment_name", "register_model_name")
        usual = DeployOptions().on_device().as_called()
        own = self.on_device().as_called()
        return {name: value for name, value in own.items() if name not in named and value != usual[name]}

    def as_called(self) -> dict[str, Any]:
        """Plain values under the names that they have on the command line."""
        return as_options(self)
