"""Retraining when what it should gain is worth more than what it costs."""

from __future__ import annotations

from statistics import mean

from drift.policies.history import History
from drift.policies.protocol import Decision, PolicyDeclaration, PolicyParameter, flagged

RECENT = 2  # blocks from which the serving version's accuracy is read


class CostAware:
    """Retrain when the right answers to be gained over the horizon exceed the cost of a retrain.

    The gain per row is the accuracy that fresh versions had on their first block, in the mean of those seen so far,
    less the serving version's on its newest blocks. Both come from past blocks alone. In the manner of Mahadevan and
    Mathioudakis 2024, with staleness measured by accuracy instead of by distances to the training rows.

    Attributes:
        cost: of a retrain, in right answers.
        horizon: blocks over which the gain is added up.
        cooldown: blocks after a retrain in which none is asked for.
    """

    def __init__(self, cost: float, horizon: int = 4, *, cooldown: int = 0) -> None:
        self.name = f"cost:{cost:g}"
        self.cost = cost
        self.horizon = horizon
        self.cooldown = cooldown

    def decide(self, history: History) -> Decision:
        """Compare the gain with the cost."""
        last = history.blocks[-1]
        serving = [block for block in history.blocks if block.version == last.version]
        firsts = {block.version: block.accuracy for block in reversed(history.blocks)}
        recent = mean(block.accuracy for block in serving[-RECENT:])
        gain = max(0.0, mean(firsts.values()) - recent) * last.rows * self.horizon
        words = f"a retrain should gain {gain:,.0f} right answers in {self.horizon} blocks and costs {self.cost:,.0f}"
        evidence = {"gain": gain, "cost": self.cost, "recent_accuracy": recent}
        return flagged(history, gain > self.cost, words, evidence, cooldown=self.cooldown)


COST = PolicyDeclaration(
    "cost",
    "when more than ANSWERS right answers should be gained",
    lambda settings, cost: CostAware(cost, cooldown=settings.cooldown),
    (PolicyParameter("ANSWERS", "right answers that a retrain costs", 200),),
)
