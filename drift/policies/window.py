"""Which rows to learn from: a policy decides when, and one of these around it decides how far back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from drift.detect.accuracy.block_tests import change_point
from drift.errors import UsageError
from drift.policies.history import History
from drift.policies.protocol import Decision, Policy

CHANGE = "change"  # names, after an at sign, the rows since accuracy changed


class Window:
    """Learn from the newest `rows`, whenever `policy` retrains.

    Attributes:
        policy: decides when.
        rows: of the window, 1 or more.
    """

    def __init__(self, policy: Policy, rows: int) -> None:
        if rows < 1:
            raise UsageError(f"expected a window of 1 row or more, got {rows}")
        self.name = f"{policy.name}@{rows}"
        self.policy = policy
        self.rows = rows

    def decide(self, history: History) -> Decision:
        """What the policy decides, with the window."""
        return replace(self.policy.decide(history), window_rows=self.rows)


class SinceChange:
    """Learn from the rows since the serving version's accuracy changed, whenever `policy` retrains.

    The change is dated by maximum likelihood: of all ways to cut the version's blocks in two, the one under which right
    answers at two rates are the most likely (Hinkley 1970, for binomial counts). Rows before the change follow another
    rule if it was the concept that moved, and teach what is no longer true; but few rows teach little, hence `least`.

    Attributes:
        policy: decides when.
        least: rows that a retrain learns from at least.
    """

    def __init__(self, policy: Policy, least: int = 1_008) -> None:
        self.name = f"{policy.name}@{CHANGE}"
        self.policy = policy
        self.least = least

    def decide(self, history: History) -> Decision:
        """What the policy decides, with the window; without one where the version has answered one block only."""
        decision = self.policy.decide(history)
        last = history.blocks[-1]
        served = [block for block in history.blocks if block.version == last.version]
        if not decision.retrain or len(served) < 2:
            return decision
        right = np.array([block.correct for block in served], np.float64)
        at, _ = change_point(right, np.array([block.rows for block in served], np.float64))
        changed = served[at]
        since = last.stop - changed.start
        rows = max(self.least, since)
        least = f", the least, of which {since:,} are" if since < rows else ""
        reason = f"{decision.reason}; learns from {rows:,} rows{least} since a change before block {changed.index}"
        return replace(decision, window_rows=rows, reason=reason)
