"""What retraining is compared with: leaving the model alone."""

from __future__ import annotations

from drift.policies.history import History
from drift.policies.protocol import Decision, PolicyDeclaration


class Never:
    """Never retrain."""

    name = "never"

    def decide(self, history: History) -> Decision:
        """No."""
        return Decision(False, False, "never", {})


NEVER = PolicyDeclaration("never", "never", lambda settings: Never())
