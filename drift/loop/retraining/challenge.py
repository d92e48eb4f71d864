"""One challenge from start to end: retrain, compare, and promote or refuse. Used by the loop and by `drift retrain`.

After a refusal come further tries: with a larger search, then on another window, at one level over all. The audit trail
tells of a challenge that was interrupted before its decision was written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import Any

from drift.detect import PairedTest
from drift.detect.permutation.p_values import p_text
from drift.errors import DataError, TrainingError
from drift.loop.card import Card, DataSource
from drift.loop.events import ChallengerRefused, Notice
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import AuditLine, DecisionRecord, Deployment
from drift.loop.options import LEAST_WINDOW, PromoteMode, RetrainOptions
from drift.loop.releases.promote import card_of, comparison_evidence, person
from drift.loop.retraining.repeated_challengers import Refused, RepeatedError, refused_before
from drift.loop.retraining.retrain import ChallengeConfig, Challenger, Occasion, by_hand, retrain
from drift.tracking.runs.lookup import end_forgotten
from drift.tracking.runs.open_runs import link_project_run

MOST_TRIALS = 64  # of one search


@dataclass(frozen=True)
class Try:
    """One try of several.

    Attributes:
        options: of this try; its level is that of all tries divided by their number.
        words: what is different from the try before it.
    """

    options: RetrainOptions
    words: str


def kinds(options: RetrainOptions, seen_rows: int) -> Iterator[Try]:
    """The first try and what may follow it, without end: tries that would repeat a refused challenger are left out.

    Every second try has twice as many trials as the one before it, 64 at most; the tries between these take another
    window: half of the first, then twice as much, a quarter, four times as much, and so on, from 200 rows to all that
    were seen. Where no window is left, the search grows again.

    The level is divided by the number of tries (Bonferroni), so that a challenger that is equal to the champion is
    promoted by any of them with a probability of `options.level` at most, whatever rows the tries share.

    Args:
        options: of the first try; `level` is that of all tries together.
        seen_rows: number of rows that a challenger may use, at least 1.
    """
    now = replace(options, level=options.level / (1 + options.until_accepted))
    yield Try(now, "")
    windows = _windows(min(options.window_rows or seen_rows, seen_rows), seen_rows)
    for number in count(2):
        window = next(windows, None) if number % 2 else None
        if window is not None:
            now = replace(now, window_rows=window)
            yield Try(now, f"on the last {window:,} rows")
            continue
        trials = min(2 * now.train.total_trials, max(MOST_TRIALS, now.train.total_trials))
        train = replace(now.train, total_trials=trials, seed=now.train.seed + (trials == now.train.total_trials))
        now = replace(now, train=train)
        yield Try(now, f"with a search of {trials} trials")


def _windows(first: int, seen: int) -> Iterator[int]:
    factor = 2
    while first // factor >= LEAST_WINDOW or first * factor <= seen:
        if first // factor >= LEAST_WINDOW:
            yield first // factor
        if first * factor <= seen:
            yield first * factor
        factor *= 2


@dataclass(frozen=True)
class ChallengeResult:
    """How a challenge ended.

    Attributes:
        challenger: compared with the champion.
        promoted: whether it is champion now.
        by: who or what decided.
        reason: why, in words.
        earlier: results of the tries before it.
    """

    challenger: Challenger
    promoted: bool
    by: str
    reason: str
    earlier: tuple[ChallengeResult, ...] = ()

    @property
    def record(self) -> dict[str, Any]:
        """Plain values, without the tries before it."""
        challenger = self.challenger
        return comparison_evidence(challenger.test) | {
            "challenger": challenger.version.number,
            "promoted": self.promoted,
            "by": self.by,
            "reason": self.reason,
            "training_rows": challenger.card.fit_rows,
            "held_out_rows": (challenger.held_out.start, challenger.held_out.stop),
        }


def challenge(
    occasion: Occasion,
    config: ChallengeConfig,
    *,
    first_try: int = 1,
    refused: Callable[[], Sequence[Refused]] = tuple,
) -> ChallengeResult:
    """Train a challenger on the rows seen so far and let the better one serve; try again as often as was asked for.

    What would make a refused challenger a second time is no try: the next kind of try takes its place and its level.

    Args:
        occasion: rows, champion and cause.
        config: where, and how.
        first_try: from 1; those before it were refused before an interruption.
        refused: challengers of the champion that are not to be made again.

    Returns:
        How the last try ended, with the verdicts of those before it.
    """
    tell, earlier, known = config.championship.tell, list[ChallengeResult](), list(refused())
    number, most = first_try, 1 + config.options.until_accepted
    for kind in islice(kinds(config.options, occasion.stop), first_try - 1, None):
        if number > most:
            break
        if kind.words:
            which = f"try {number} of at most {most}, " if most > 1 else "the next kind of try, "
            tell(Notice(f"{which}{kind.words}, at level {kind.options.level:.3g}"))
        elif most > 1:
            level = f"level {kind.options.level:.3g}, {config.options.level:g} over all of them"
            tell(Notice(f"at most {most} tries until a challenger is accepted, each at {level}"))
        numbered = {"try": number, "tries": most} if most > 1 else {}
        own = replace(occasion, evidence=occasion.evidence | numbered)
        try:
            verdict = _challenge(own, replace(config, options=kind.options), known)
        except RepeatedError as error:
            tell(Notice(str(error)))
            continue
        except (DataError, TrainingError) as error:
            if most == 1:
                raise
            tell(Notice(f"try {number} gave no challenger: {error}"))
            failure = error
            number += 1
            continue
        number += 1
        earlier.append(verdict)
        if verdict.challenger.refused is not None:
            known.append(verdict.challenger.refused)
        if verdict.promoted or config.championship.registry.champion().number != occasion.champion.number:
            break
    if not earlier:
        raise failure
    return replace(earlier[-1], earlier=tuple(earlier[:-1]))


def _challenge(occasion: Occasion, config: ChallengeConfig, refused: Sequence[Refused]) -> ChallengeResult:
    """One try; arguments as those of `challenge`."""
    championship, champion = config.championship, occasion.champion
    challenger = retrain(occasion, config, refused)
    promoted, by, reason = judge(challenger, config)
    test = comparison_evidence(challenger.test)
    full = occasion.evidence | {"cause": occasion.cause, "challenger": challenger.version.number, "comparison": test}
    if promoted:
        championship.tell(Notice(f"version {challenger.version.number} takes over"))
    why = {"by": by, "reason": reason, "evidence": full}
    number = champion.number
    promoted, reason = championship.decide(challenger.version, champion, promoted, compared_with=number, **why)
    if not promoted:
        championship.tell(ChallengerRefused(champion.number, challenger.version.number, challenger.test, reason))
    return ChallengeResult(challenger, promoted, by, reason)


def comparison_words(who: str, test: PairedTest) -> str:
    """A paired test in words; `who` was compared with the champion."""
    words = "better" if test.better else "not better"
    return (
        f"{who} {words}: {test.difference:+.3f} [{test.low:+.3f}, {test.high:+.3f}] on {test.rows} held-out rows,"
        f" McNemar p {p_text(test.p_value)}"
    )


def judge(challenger: Challenger, config: ChallengeConfig) -> tuple[bool, str, str]:
    """Whether to promote, who decided, and why."""
    test = challenger.test
    comparison = comparison_words("challenger", test)
    if config.mode is PromoteMode.ALWAYS:
        return True, "--promote always", comparison
    if config.mode is PromoteMode.NEVER:
        return False, "--promote never", comparison
    if config.mode is PromoteMode.AUTO:
        return test.better, "--promote auto", comparison
    if config.ask is None:
        return False, "no terminal to ask at", comparison
    return config.ask(challenger), config.person, comparison


def verdict_of(journal: Journal, deployment: Deployment, *blocks: int) -> AuditLine | None:
    """The newest audit line of a challenge by a deployment after one of these blocks; None if there is none."""
    for line in reversed(journal.trail(deployment.model)):
        evidence = line.evidence
        if line.action not in ("promote", "refuse") or evidence.get("deployment") != deployment.id:
            continue
        if evidence.get("block") in blocks and "agreed_by" in evidence:
            return line
    return None


def next_try(line: AuditLine | None) -> int:
    """The number of the try that follows a line, from 1."""
    return 1 if line is None else 1 + int(line.evidence.get("try", 0))


def has_further_tries(line: AuditLine, champion: int) -> bool:
    """Whether a challenge goes on after a line: a refusal before the last try, while the same champion serves.

    Args:
        line: of the challenge.
        champion: the version that serves now.
    """
    left = line.evidence.get("try", 1) < line.evidence.get("tries", 1)
    return bool(left) and line.action == "refuse" and champion == line.to_version


def decision_of(line: AuditLine) -> DecisionRecord:
    """The decision that a crash kept from being written."""
    evidence = line.evidence
    return DecisionRecord(
        block=evidence["block"],
        retrain=True,
        by=evidence["agreed_by"],
        reason=f"{line.reason} ({line.by}); completed after a crash",
        evidence=evidence["flag"],
        outcome="promoted" if line.action == "promote" else "refused",
        challenger=evidence["challenger"],
        comparison=evidence["comparison"],
    )


def retrain_on_latest(config: ChallengeConfig) -> ChallengeResult:
    """Challenge the champion with all rows seen so far: those scored by any deployment, or else the training rows.

    Raises:
        StateError: another process is retraining this model by hand.
    """
    championship = config.championship
    registry, home = championship.registry, championship.home
    with home.lock(f"retrain-{registry.name}", doing=f"retraining {registry.name}"):
        registry.store.experiment_id(config.experiment, create=True)
        for run in end_forgotten(registry.store, config.experiment, deployment=by_hand(registry.name)):
            home.forget_search(run)
        champion = championship.reconcile()
        card = card_of(registry, champion)
        table = card.fit_to(card.source.load())
        stop = last_row_seen(championship.journal, registry.name, card)
        if stop <= card.seen:
            championship.tell(
                Notice(
                    f"no row is new since version {champion.number} was made: a challenger learns from the same rows"
                    " and is compared on rows that this version was accepted on; a better one needs later rows"
                )
            )
        verdict = challenge(
            Occasion(table, stop, champion, "asked for", {"agreed_by": person()}),
            config,
            refused=lambda: refused_before(config.championship, config.mode, champion),
        )
    link_project_run(registry.store, verdict.challenger.run_id, config.experiment)
    return verdict


def last_row_seen(journal: Journal, model: str, card: Card) -> int:
    """One past the last row of a model's table whose label is known: all before it were scored or trained on."""
    scored = (journal.blocks(deployment.id) for deployment in deployments_of(journal, model, card))
    return max([card.seen, *(blocks[-1].stop for blocks in scored if blocks)])


def deployments_of(journal: Journal, model: str, card: Card) -> list[Deployment]:
    """The deployments of a model that scored its table, oldest first."""
    table = card.source.file, card.source.label
    return [
        deployment
        for deployment in journal.deployments(model)
        if (DataSource(deployment.options["source"]["path"]).file, deployment.options["source"].get("label")) == table
    ]
