"""When to retrain, and on which rows: every policy by name, for `drift deploy` and `drift replay`.

To add one: its file here with a `PolicyDeclaration`, and its import line below. Every detector is a policy, too.
"""

from drift.policies.alarm import EVIDENCE as EVIDENCE
from drift.policies.alarm import detector_policies
from drift.policies.cost import COST as COST
from drift.policies.protocol import PolicyDeclaration
from drift.policies.schedules import EVERY as EVERY
from drift.policies.schedules import NEVER as NEVER
from drift.policies.schedules import ORACLE as ORACLE
from drift.policies.schedules import SPACED as SPACED
from drift.policies.threshold import FORECAST as FORECAST
from drift.policies.threshold import THRESHOLD as THRESHOLD

DECLARED: dict[str, PolicyDeclaration] = {
    entry.name: entry for _, entry in sorted(vars().items()) if isinstance(entry, PolicyDeclaration)
}
"""Every policy of this folder by its name, in alphabetical order."""

POLICIES: dict[str, PolicyDeclaration] = {
    **detector_policies(),
    **DECLARED,
    **{alias: entry for entry in DECLARED.values() for alias in entry.aliases},
}
"""Every policy by each of its names, those of the detectors among them."""

DETECTOR_NAMES = sorted(name for name, entry in POLICIES.items() if entry.name not in DECLARED)
"""Policies that are called as the detectors whose alarms they follow."""
