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
        words = ["--mlflow_experiment_name", self.experiment, "--register_model_name", self.model_name]
        numbers = {
            "max_epochs": self.retrain.train.max_epochs,
            "total_trials": self.retrain.train.total_trials,
            "window_rows": self.retrain.window_rows,
            "held_out_rows": self.retrain.held_out_rows,
        }
        words += [word for name, value in numbers.items() if value is not None for word in (f"--{name}", str(value))]
        return [*words, "--warm_start"] if self.retrain.warm_start else words

    def flat(self) -> dict[str, object]:
        """One level of plain values, for MLflow's parameters."""
        values = self.to_json()
        retrain = values.pop("retrain")
        train = retrain.pop("train")
        return {key: str(value) for key, value in (values | retrain | train).items()}
