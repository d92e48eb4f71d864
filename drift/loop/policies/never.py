"""What retraining is compared with: leaving the model alone."""

from __future__ import annotations

from drift.loop.policies.protocol import Decision, History


class Never:
    """Never retrain."""

    name = "never"

    def decide(self, history: History) -> Decision:
        """No."""
        return Decision(False, False, "never", {})
