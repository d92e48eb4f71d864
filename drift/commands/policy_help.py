"""Commands whose help lists every policy: the list is made when help is shown, since it loads the detectors."""

from __future__ import annotations

from typing import Any

from drift.commands.flags import PlainFlags


class PolicyHelp(PlainFlags):
    """A command with an option that takes policies."""

    deployed = False  # whether the policies are to be deployed, not replayed

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Show the help, with the registry's policies below it."""
        from drift.policies.describe import policy_lines

        self.epilog = "\n\n".join(["Policies:", *policy_lines(deployed=self.deployed)])
        super().format_help(ctx, formatter)


class DeployedPolicyHelp(PolicyHelp):
    """A command that deploys a policy."""

    deployed = True
