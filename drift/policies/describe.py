"""What every policy is, in words: for the help of commands and for docs/policies.md, made from the registry."""

from __future__ import annotations

from collections.abc import Iterator

from drift.policies import DECLARED, DETECTOR_NAMES
from drift.policies.parser import COMBINATIONS
from drift.policies.protocol import PolicyDeclaration, PolicyParameter, PolicySettings
from drift.policies.window import CHANGE


def policy_lines(*, deployed: bool) -> Iterator[str]:
    """Every policy in a line, then what may follow its name.

    Args:
        deployed: whether for `drift deploy`, which has options for some values, and no replay-only policies.
    """
    for entry in DECLARED.values():
        if not (deployed and entry.replay_only):
            yield _line(entry, deployed)
    yield f"{', '.join(DETECTOR_NAMES)}: when the detector of that name alarms"
    yield f"with @ROWS: a retrain learns from so many rows; with @{CHANGE}: from those since accuracy changed"
    if not deployed:
        words = (f"with +{name}: {words} answers each block" for name, words in COMBINATIONS.items())
        yield f"{'; '.join(words)}; without: the newest version"


def policy_table() -> Iterator[str]:
    """Every policy as a row of a Markdown table, header first."""
    yield "| policy | retrains | where the name gives no value | deployed |"
    yield "|---|---|---|---|"
    for entry in DECLARED.values():
        names = ", ".join(f"`{name}`" for name in (entry.form, *entry.aliases))
        replay, deploy = (
            [_default(parameter, deployed) for parameter in entry.parameters] for deployed in (False, True)
        )
        usual = ", ".join(replay) if replay == deploy else f"replay: {', '.join(replay)}; deploy: {', '.join(deploy)}"
        yield f"| {names} | {entry.help} | {usual} | {f'no: {entry.replay_only}' if entry.replay_only else 'yes'} |"
    detectors = ", ".join(f"`{name}`" for name in DETECTOR_NAMES)
    yield f"| {detectors} | when the detector alarms | | yes |"


def _line(entry: PolicyDeclaration, deployed: bool) -> str:
    names = " or ".join((entry.form, *entry.aliases))
    usual = " and ".join(_default(parameter, deployed) for parameter in entry.parameters)
    return f"{names}: {entry.help}" + (f" (default {usual})" if usual else "")


def _default(parameter: PolicyParameter, deployed: bool) -> str:
    if deployed and isinstance(parameter.default, str):
        return f"{parameter.name} --{parameter.default}"
    return f"{parameter.name} {parameter.value(None, PolicySettings(blocks=0)):g}"
