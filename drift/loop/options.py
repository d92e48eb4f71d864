"""What a deployment was asked for."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from drift.data.calendar import CALENDAR_NAMES
from drift.errors import UsageError
from drift.loop.retraining.approval import PromoteMode, RetrainMode
from drift.loop.retraining.retrain import LEAST_WINDOW, RetrainOptions
from drift.loop.training.fitting import TrainOptions
from drift.policies import THRESHOLD
from drift.policies.parser import ParsedPolicy, parse_policy
from drift.policies.protocol import MakeDetector, Policy, PolicySettings, threshold_of
from drift.system.devices import resolve_device

ANY_BLOCKS = 2**31  # more than a deployment has: the number is not known before its table is read


@dataclass(frozen=True)
class DeployOptions:
    """What `drift deploy` was asked for; kept in the log, so that a resumed deployment is the same one."""

    experiment: str = "drift"
    model_name: str = "drift_model"
    test_data_rows: int = 100
    start_row: int | None = None  # None is the first that the model has not seen
    block_size: int = 20
    policy: str = "threshold"  # a name that `parse_policy` takes and that can be deployed
    threshold_accuracy: float = 0.55  # of the policies `threshold` and `forecast`, and of the forecasts
    tolerated_loss: float = 0.02  # of accuracy, of the policy `evidence`
    expected_run_length: float = 200.0  # blocks between its false alarms, at least
    cooldown_blocks: int = 5
    retrain: RetrainOptions = field(default_factory=RetrainOptions)
    ask: RetrainMode = RetrainMode.ASK
    promote: PromoteMode = PromoteMode.AUTO
    shadow: bool = False  # judge challengers on new rows, by betting, instead of on held-out ones
    format: Literal["npy", "json"] = "npy"

    def __post_init__(self) -> None:
        if self.shadow and self.retrain.until_accepted:
            raise UsageError("expected --shadow or --until_accepted, got both: a shadow is judged on blocks to come")
        if self.promote is PromoteMode.NEVER and self.retrain.until_accepted:
            raise UsageError("--promote never accepts no challenger: leave out --until_accepted, or --promote never")
        if reason := self.parsed_policy.replay_only:
            raise UsageError(
                f"expected a --policy that can be deployed, got {self.policy!r}, which is for drift replay only:"
                f" {reason}"
            )
        self.decides(ANY_BLOCKS)

    @property
    def parsed_policy(self) -> ParsedPolicy:
        """The policy's name, taken apart."""
        return parse_policy(self.policy)

    def policy_settings(self, blocks: int) -> PolicySettings:
        """What the policy's name leaves to these options, in a deployment of so many blocks."""
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
        return threshold_of(self.decides(ANY_BLOCKS))

    @property
    def forecast_threshold(self) -> float:
        """Accuracy that is forecast after each block: the policy's threshold, else `threshold_accuracy`."""
        return self.threshold_accuracy if self.threshold is None else self.threshold

    @property
    def flags_below(self) -> bool:
        """Whether the policy flags the blocks below its threshold, and no others."""
        return self.parsed_policy.declaration is THRESHOLD

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> DeployOptions:
        """What `to_json` wrote."""
        retrain = dict(values["retrain"])
        retrain["train"] = TrainOptions(**retrain["train"])
        modes = {"promote": PromoteMode(values["promote"]), "ask": RetrainMode(values["ask"])}
        return cls(**values | modes | {"retrain": RetrainOptions(**retrain)})

    def on_device(self, device: str) -> DeployOptions:
        """The same with another device for retrains; UsageError if it is not there."""
        train = replace(self.retrain.train, device=resolve_device(device))
        return replace(self, retrain=replace(self.retrain, train=train))

    def retrain_options(self) -> dict[str, object]:
        """The options of the command that retrains by hand as this deployment would have, and promotes the better."""
        called = self.as_called()
        names = [
            "mlflow_experiment_name", "register_model_name", "max_epochs", "total_trials", "window_rows",
            "held_out_rows", "promote", "promote_level", "seed", "warm_start",
        ]  # fmt: skip
        if self.promote is PromoteMode.NEVER:
            called["promote"] = None  # the command would train a challenger that can never be promoted
        device = called["device"] if called["device"] != resolve_device() else None
        return {name: called[name] for name in names} | {
            "until_accepted": self.retrain.until_accepted or None,
            "device": device,
        }

    def given(self) -> dict[str, object]:
        """The options that differ from the defaults, without those that name model and experiment.

        A printed command repeats them, so that whoever types it does not lose them.
        """
        names = ("mlflow_experiment_name", "register_model_name")
        usual = DeployOptions().on_device("auto").as_called()
        own = self.on_device(self.retrain.train.device).as_called()
        return {name: value for name, value in own.items() if name not in names and value != usual[name]}

    def as_called(self) -> dict[str, Any]:
        """Plain values under the names that they have on the command line."""
        return {
            "mlflow_experiment_name": self.experiment,
            "register_model_name": self.model_name,
            "test_data_rows": self.test_data_rows,
            "start_row": self.start_row,
            "block_size": self.block_size,
            "policy": self.policy,
            "threshold_accuracy": self.threshold_accuracy,
            "tolerated_loss": self.tolerated_loss,
            "expected_run_length": self.expected_run_length,
            "cooldown_blocks": self.cooldown_blocks,
            "retrain": str(self.ask),
            "promote": str(self.promote),
            "max_epochs": self.retrain.train.max_epochs,
            "total_trials": self.retrain.train.total_trials,
            "seed": self.retrain.train.seed,
            "device": self.retrain.train.device,
            "window_rows": self.retrain.window_rows,
            "held_out_rows": self.retrain.held_out_rows,
            "warm_start": self.retrain.warm_start,
            "promote_level": self.retrain.level,
            "until_accepted": self.retrain.until_accepted,
            "shadow": self.shadow,
            "format": self.format,
        }
