"""What a replay is asked for. `drift.commands` makes the command line of it, so importing this module is cheap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from drift.system.devices import Device, Seed
from drift.system.options import CheckedOptions, Option, documented

POLICIES = "never,every:4,spaced:10,spaced:10+mix,threshold:.7,harm,adwin,oracle:10"


@documented
@dataclass(frozen=True)
class ReplayOptions(CheckedOptions):
    """What `drift replay` is asked for; a program may give `policies` as a list, too.

    Policies, with their numbers after colons: `never`, `every:K`, `threshold:ACCURACY`, `evidence:LOSS:BLOCKS` (or
    `harm`), `forecast:BLOCKS:ACCURACY`, `cost:ANSWERS`, `spaced:R`, `oracle:R`; and the name of a detector, for when
    it alarms: `accuracy`, `adwin`, `classifier`, `ddm`, `distances`, `eddm`, `energy`, `features`, `fhddm`, `hddm_a`,
    `hddm_w`, `kswin`, `mmd`, `page_hinkley`, `predictions`. `drift.policies.describe.policy_lines` says what each is.
    """

    policies: Annotated[str, Option("Which to compare, by commas, of those listed below.")] = POLICIES
    block_size: Annotated[int, Option("Rows scored together.", min=1)] = 336
    start_rows: Annotated[int, Option("First rows, which train the base model.", min=1)] = 1007
    window_rows: Annotated[int, Option("Newest rows that a retrain learns from.", min=100)] = 4_032
    seeds: Annotated[int, Option("Repetitions, with other seeds.", min=1, max=1000)] = 1
    test_data_rows: Annotated[
        int | None, Option("Rows to replay, after those of the base model. Default: all.", min=1)
    ] = None
    serve: Annotated[
        bool, Option("Answer through a TorchServe of its own, with a rollover at every retrain; not with +mix.")
    ] = False
    seed: Seed = 0
    device: Device = "auto"

    def __post_init__(self) -> None:
        from drift.policies.parser import names_in

        policies: Any = self.policies
        if isinstance(policies, (list, tuple)):  # which programs may give instead of one text
            object.__setattr__(self, "policies", ",".join(map(str, policies)))
        super().__post_init__()
        names_in(self.policies)
