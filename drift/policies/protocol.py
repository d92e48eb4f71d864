"""The protocol of policies, and the declaration by which one enters the registry."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Protocol, TypeAlias

from drift.data.blocks import Reference
from drift.detect import Detector
from drift.errors import UsageError
from drift.policies.history import History

MakeDetector: TypeAlias = Callable[[Reference], Detector]


@dataclass(frozen=True)
class Decision:
    """What a policy decides about the last block.

    Attributes:
        alarm: whether the block is flagged.
        retrain: whether a new model is asked for now.
        reason: one sentence, for people.
        evidence: numbers by name.
        window_rows: newest rows to learn from; None leaves it to the command's options.
    """

    alarm: bool
    retrain: bool
    reason: str
    evidence: Mapping[str, float]
    window_rows: int | None = None


class Policy(Protocol):
    """Decides after each block whether to retrain. Pure: the loop acts, and a person may refuse."""

    name: str

    def decide(self, history: History) -> Decision:
        """Decide about the last block; the same history gives the same decision."""
        ...


@dataclass(frozen=True)
class PolicySettings:
    """What a policy's name leaves to the command that runs it; the defaults are those of a replay.

    Attributes:
        blocks: number of blocks that are scored, of a replayed stream or of one deployment.
        threshold_accuracy: accuracy in [0, 1] of the policies `threshold` and `forecast`.
        tolerated_loss: accuracy that the policy `evidence` tolerates to lose.
        expected_run_length: blocks between false alarms of `evidence`, at least.
        cooldown: blocks after a retrain in which an alarm asks for no other.
        least_since_change: rows that a window of `@change` has at least.
        least_window: the least rows that `@ROWS` takes.
        repeat_alarms: whether the alarm of a detector of changes is repeated while accuracy stays low.
        ignored_features: names of features that detectors leave out.
        hindsight: blocks after which the best so many retrains are; None where that is not known.
    """

    blocks: int
    threshold_accuracy: float = 0.7
    tolerated_loss: float = 0.02
    expected_run_length: float = 200.0
    cooldown: int = 0
    least_since_change: int = 1_008
    least_window: int = 1
    repeat_alarms: bool = False
    ignored_features: tuple[str, ...] = ()
    hindsight: Callable[[int], Collection[int]] | None = None


@dataclass(frozen=True)
class PolicyParameter:
    """A number that may follow a colon in a policy's name.

    Attributes:
        name: in upper case, as help shows it.
        help: what it is.
        default: where the name does not give it: a number, or the name of the field of `PolicySettings` that has it.
        whole: whether it is a whole number.
        low: the least value.
        high: the largest value; None for no bound.
        of_stream: whether it counts blocks or retrains of a stream; `fit_names` lowers it for short ones.
    """

    name: str
    help: str
    default: float | str
    whole: bool = False
    low: float = 0.0
    high: float | None = None
    of_stream: bool = False

    @property
    def range(self) -> str:
        """Which values it takes, in words."""
        number = "a whole number" if self.whole else "a number"
        bounds = f"of {self.low:g} or more" if self.high is None else f"from {self.low:g} to {self.high:g}"
        return f"{number} {bounds}"

    def read(self, text: str) -> float | None:
        """The number in a name; None if it is not one that the parameter takes."""
        try:
            value = float(text)
        except ValueError:
            return None
        if not isfinite(value) or (self.whole and not value.is_integer()):
            return None
        return value if self.low <= value and (self.high is None or value <= self.high) else None

    def value(self, number: float | None, settings: PolicySettings) -> float:
        """The value in use: the given one, else the default."""
        if number is not None:
            return number
        return float(getattr(settings, self.default)) if isinstance(self.default, str) else self.default


@dataclass(frozen=True)
class PolicyDeclaration:
    """A policy in the registry.

    Attributes:
        name: as the command line and tables know it.
        help: when it retrains, in one clause.
        make: the policy, from the settings and one value for each parameter.
        parameters: numbers that may follow its name, each after a colon.
        detector: from the same, what makes the detector whose scores the policy reads; None if it reads none.
        aliases: other names of the same policy.
        replay_only: why it cannot be deployed; empty if it can.
        hindsight: whether it is made from `PolicySettings.hindsight`; then no `@ROWS` and no `+mix` may follow.
    """

    name: str
    help: str
    make: Callable[..., Policy]
    parameters: tuple[PolicyParameter, ...] = ()
    detector: Callable[..., MakeDetector] | None = None
    aliases: tuple[str, ...] = ()
    replay_only: str = ""
    hindsight: bool = False

    @property
    def form(self) -> str:
        """Its name with its parameters: `forecast:BLOCKS:ACCURACY`."""
        return ":".join([self.name, *(parameter.name for parameter in self.parameters)])


def flagged(history: History, alarm: bool, reason: str, evidence: Mapping[str, float], *, cooldown: int) -> Decision:
    """What an alarm decides: a retrain, unless one was tried within `cooldown` blocks.

    Args:
        history: whose last block is decided about.
        alarm: whether the block is flagged.
        reason: one sentence, for people.
        evidence: numbers by name.
        cooldown: blocks after a retrain in which none is asked for.
    """
    waiting = alarm and history.retrained_within(cooldown)
    words = f"{reason}, but retrained within {cooldown} blocks" if waiting else reason
    return Decision(alarm, alarm and not waiting, words, evidence)


def require_within_stream(value: float, settings: PolicySettings, form: str) -> None:
    """Raise `UsageError` if a number of blocks or retrains is not below the number of blocks that are scored."""
    if value >= settings.blocks:
        raise UsageError(f"expected {form} below the number of blocks, which is {settings.blocks}; got {value:g}")


def threshold_of(policy: Policy) -> float | None:
    """The accuracy below which a policy flags a block, its attribute `threshold`; None for a policy without one."""
    while (inner := getattr(policy, "policy", None)) is not None:  # a window around it
        policy = inner
    value = getattr(policy, "threshold", None)
    return None if value is None else float(value)
