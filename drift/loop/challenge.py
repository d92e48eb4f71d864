"""One challenge from start to end: retrain, compare, and promote or refuse. Used by the loop and by `drift retrain`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from drift.blocks import Table
from drift.errors import ChampionChangedError
from drift.loop.consent import PromoteMode
from drift.loop.events import ChallengerRefused, Tell
from drift.loop.home import Home
from drift.loop.journal import Journal
from drift.loop.promote import Service, comparison_evidence, promote
from drift.loop.records import AuditLine
from drift.loop.retrain import Challenger, RetrainOptions, retrain
from drift.tracking.registry import Registry, Version


@dataclass(frozen=True)
class Ring:
    """Where challenges take place."""

    registry: Registry
    service: Service | None  # None when nothing serves the model now
    journal: Journal
    home: Home
    experiment: str
    options: RetrainOptions
    mode: PromoteMode
    ask: Callable[[Challenger], bool] | None  # None when there is nobody to ask
    person: str
    tell: Tell


@dataclass(frozen=True)
class Verdict:
    """How a challenge ended."""

    challenger: Challenger
    promoted: bool
    by: str
    reason: str


def challenge(
    table: Table, stop: int, champion: Version, ring: Ring, *, cause: str, evidence: dict[str, Any]
) -> Verdict:
    """Train a challenger on the rows before `stop` and let the better one serve.

    Args:
        table: coded as the champion sees it.
        stop: one past the last row whose label is known.
        champion: the version to beat.
        ring: registry, server, audit trail and options.
        cause: why now, in words.
        evidence: why now, in numbers; kept in the audit trail with the comparison.
    """
    challenger = retrain(
        table,
        stop,
        champion,
        registry=ring.registry,
        home=ring.home,
        experiment=ring.experiment,
        options=ring.options,
        tell=ring.tell,
        cause=cause,
        tags={"deployment": str(evidence.get("deployment", ""))},
    )
    promoted, by, reason = judge(challenger, ring)
    test = comparison_evidence(challenger.test)
    full = evidence | {"cause": cause, "challenger": challenger.version.number, "comparison": test}
    if promoted:
        try:
            promote(
                challenger.version,
                registry=ring.registry,
                service=ring.service,
                journal=ring.journal,
                home=ring.home,
                by=by,
                reason=reason,
                evidence=full,
                tell=ring.tell,
                instead_of=champion.number,
            )
        except ChampionChangedError as error:
            promoted, reason = False, str(error)
    if not promoted:
        ring.registry.tag(challenger.version.number, verdict="refused")
        ring.journal.audit(ring.registry.name, AuditLine("refuse", champion.number, champion.number, by, reason, full))
        ring.tell(ChallengerRefused(champion.number, challenger.version.number, challenger.test, reason))
    return Verdict(challenger, promoted, by, reason)


def judge(challenger: Challenger, ring: Ring) -> tuple[bool, str, str]:
    """Whether to promote, who decided, and why."""
    test = challenger.test
    words = "better" if test.better else "not better"
    found = (
        f"challenger {words}: {test.difference:+.3f} [{test.low:+.3f}, {test.high:+.3f}] on {test.rows} held-out rows,"
        f" McNemar p = {test.p_value:.3g}"
    )
    if ring.mode is PromoteMode.ALWAYS:
        return True, "--promote always", found
    if ring.mode is PromoteMode.NEVER:
        return False, "--promote never", found
    if ring.mode is PromoteMode.AUTO:
        return test.better, "--promote auto", found
    if ring.ask is None:
        return False, "nobody (no terminal to ask)", found
    return ring.ask(challenger), ring.person, found
