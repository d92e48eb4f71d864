"""What a deployment was asked for."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from drift.loop.consent import PromoteMode, RetrainMode
from drift.loop.retrain import RetrainOptions
from drift.loop.train import TrainOptions


@dataclass(frozen=True)
class DeployOptions:
    """What `drift deploy` was asked for; kept in the log, so that a resumed deployment is the same one."""

    experiment: str = "drift"
    model_name: str = "drift_model"
    test_data_rows: int = 100
    start_row: int | None = None  # None is the first that the model has not seen
    block_size: int = 20
    threshold_accuracy: float = 0.55
    cooldown_blocks: int = 5
    retrain: RetrainOptions = field(default_factory=RetrainOptions)
    ask: RetrainMode = RetrainMode.ASK
    promote: PromoteMode = PromoteMode.AUTO
    format: Literal["npy", "json"] = "npy"

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

    def retrain_command(self) -> list[str]:
        """The words after `drift retrain` that retrain by hand as this deployment would have."""
        called = self.as_called()
        names = [
            "mlflow_experiment_name", "register_model_name", "max_epochs", "total_trials", "window_rows",
            "held_out_rows", "promote", "promote_level", "seed",
        ]  # fmt: skip
        words = [word for name in names if called[name] is not None for word in (f"--{name}", str(called[name]))]
        return [*words, "--warm_start"] if self.retrain.warm_start else words

    def as_called(self) -> dict[str, Any]:
        """Plain values under the names that they have on the command line."""
        return {
            "mlflow_experiment_name": self.experiment,
            "register_model_name": self.model_name,
            "test_data_rows": self.test_data_rows,
            "start_row": self.start_row,
            "block_size": self.block_size,
            "threshold_accuracy": self.threshold_accuracy,
            "cooldown_blocks": self.cooldown_blocks,
            "retrain": str(self.ask),
            "promote": str(self.promote),
            "max_epochs": self.retrain.train.max_epochs,
            "total_trials": self.retrain.train.total_trials,
            "seed": self.retrain.train.seed,
            "window_rows": self.retrain.window_rows,
            "held_out_rows": self.retrain.held_out_rows,
            "warm_start": self.retrain.warm_start,
            "promote_level": self.retrain.level,
            "format": self.format,
        }
