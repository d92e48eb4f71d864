"""Advice of a deployment beside its scores: a threshold out of reach, and what a retrain now would learn from.

Which window or wait would let a retrain learn more is part of every question.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

from drift.data.blocks import Reference, Table
from drift.detect.accuracy.block_tests import drop_p_value
from drift.errors import DataError, TrackingError
from drift.loop.advice.falls import ScoredFalls
from drift.loop.advice.threshold_advice import ThresholdAdvice, threshold_advice
from drift.loop.card import Card
from drift.loop.events import Notice, Tell
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import Deployment
from drift.loop.options import LEAST_WINDOW, DeployOptions, RetrainOptions
from drift.loop.outlook import LEAST_FALLEN, ByHand, Fall, Outlook
from drift.loop.releases.loading import References
from drift.loop.releases.promote import card_of
from drift.loop.retraining.challenge import last_row_seen
from drift.loop.retraining.retrain import Split, split_seen
from drift.policies.history import BlockRecord
from drift.tracking.registry import Registry

LEVEL = 0.01  # of the test
LEAST_LEARNED = 100  # new rows: the standard error of an accuracy on fewer is above .05
LEAST_SHARE = 0.25  # of new rows among those to train on, without which a window is proposed
OVER_SHARE = 0.9  # of a champion's training rows from after a fall, from which on the fall is over
MOST_BLOCKS = 10_000  # of a wait


def outlook_of(
    champion: Card, stop: int, options: RetrainOptions, *, block_rows: int, fall: Fall | None = None
) -> Outlook:
    """What a retrain on the rows before `stop` would learn from.

    Args:
        champion: card of the version to beat.
        stop: one past the last row whose label is known.
        options: of the retrain.
        block_rows: of a block, the unit of a wait.
        fall: the last one of accuracy.
    """
    new = max(0, stop - champion.seen)
    fall = fall if fall is not None and fall.row < stop and not is_over(fall, champion) else None
    fallen = 0 if fall is None else stop - fall.row
    wait = _wait(champion, stop, options, block_rows=block_rows)
    try:
        parts = split_seen(champion, stop, window_rows=options.window_rows, held_out_rows=options.held_out_rows)
    except DataError as error:
        return Outlook(new, wait_blocks=wait or None, obstacle=str(error), fall=fall, fallen_rows=fallen)
    window, since_fall, few = None, False, False
    if options.window_rows is None and fall is not None:
        window, since_fall, few = fallen, fall.row >= champion.seen, fallen < LEAST_FALLEN
        if since_fall or few:
            wait = _wait(champion, stop, options, block_rows=block_rows, since=fall.row)
    elif options.window_rows is None:
        window = _weighing_new(champion, stop, options)
    with_window = _window_parts(champion, stop, options, window) if wait == 0 or few else None
    return Outlook(
        new, parts.learned(champion), len(parts.refit), len(parts.held_out), wait, window if with_window else None,
        fall=fall, fallen_rows=fallen, since_fall=since_fall, window_parts=with_window or (0, 0), few=few,
    )  # fmt: skip


def _window_parts(champion: Card, stop: int, options: RetrainOptions, window: int | None) -> tuple[int, int] | None:
    """Rows to train on and held-out rows of a window; None without one, or where it is too small."""
    if window is None or window < LEAST_WINDOW:
        return None
    parts = _split(champion, stop, options, window)
    return None if parts is None else (len(parts.refit), len(parts.held_out))


def is_over(fall: Fall, champion: Card) -> bool:
    """Whether a champion was trained after a fall: nine of ten of its training rows are from after it.

    A fall of the champion itself is never over, since it is in rows that came after the training.
    """
    first, stop = champion.fit_rows
    return stop - max(first, fall.row) >= OVER_SHARE * (stop - first)


def _weighing_new(champion: Card, stop: int, options: RetrainOptions) -> int | None:
    """The window in which new rows weigh enough: twice the new rows; None if all rows do or it would hold them all."""
    new = max(0, stop - champion.seen)
    for window in (stop, min(stop, max(LEAST_WINDOW, 2 * new))):
        parts = _split(champion, stop, options, window)
        if parts is None:
            return None
        if parts.learned(champion) >= LEAST_SHARE * len(parts.refit):
            break
    return window if window < stop else None


def _wait(
    champion: Card, stop: int, options: RetrainOptions, *, block_rows: int, since: int | None = None
) -> int | None:
    """Blocks to score first so that a retrain learns enough; with `since`, from a window that begins at that row."""
    for many in range(MOST_BLOCKS):
        at = stop + many * block_rows
        window, least = (options.window_rows, 0) if since is None else (at - since, LEAST_FALLEN)
        parts = _split(champion, at, options, window) if window is None or window >= least else None
        if parts is not None and parts.learned(champion) >= LEAST_LEARNED:
            return many
    return None


def by_hand_of(
    champion: Card, stop: int, options: RetrainOptions, *, block_rows: int, fall: Fall | None = None
) -> ByHand:
    """The retrain by hand that is proposed, and its outlook; arguments as those of `outlook_of`."""
    outlook = outlook_of(champion, stop, options, block_rows=block_rows, fall=fall)
    if outlook.window_rows is None:
        return ByHand(None, outlook, stop)
    windowed = replace(options, window_rows=outlook.window_rows)
    command = outlook_of(champion, stop, windowed, block_rows=block_rows, fall=fall)
    if outlook.few:
        command = replace(command, wait_blocks=outlook.wait_blocks, few=True)
    return ByHand(outlook.window_rows, command, stop)


def _split(champion: Card, stop: int, options: RetrainOptions, window: int | None) -> Split | None:
    """How a retrain on a window would cut the rows before `stop`; None where they are too few."""
    with suppress(DataError):
        return split_seen(champion, stop, window_rows=window, held_out_rows=options.held_out_rows)
    return None


def worse_than_accepted(now: Reference, first: Reference, *, level: float = LEVEL) -> str:
    """A finding for people, where accuracy on one reference is lower than on another beyond chance; else empty.

    Args:
        now: of the version that took over.
        first: of the version that a deployment began with.
        level: of the exact test of two rates (see `drop_p_value`), in (0, 1).
    """
    right, accepted = round(now.accuracy * len(now)), round(first.accuracy * len(first))
    if drop_p_value(right, len(now), accepted, len(first)) >= level:
        return ""
    return (
        f"not as good as the first version was when it was accepted: {now.accuracy:.3f} of {len(now):,} rows right,"
        f" against {first.accuracy:.3f} of {len(first):,}"
    )


@dataclass(frozen=True)
class DeploymentAdvice:
    """Advice during and after one deployment.

    Attributes:
        deployment: as the log keeps it.
        options: of the deployment.
        table: that is scored.
        registry: of the model's versions.
        journal: the scoring log.
        references: of versions, by number.
        falls: of accuracy, in the blocks that were scored.
    """

    deployment: Deployment
    options: DeployOptions
    table: Table
    registry: Registry
    journal: Journal
    references: References
    falls: ScoredFalls

    def threshold(self, version: int) -> ThresholdAdvice | None:
        """Whether a version's threshold flags most blocks without drift."""
        if (threshold := self.options.threshold) is None:
            return None
        return threshold_advice(threshold, self.references(version).accuracy, self.options.block_size)

    def first_threshold(self, versions: Iterable[int]) -> ThresholdAdvice | None:
        """The advice for the first of these versions that has one."""
        return next((advice for version in versions if (advice := self.threshold(version)) is not None), None)

    def take_over(self, version: int, tell: Tell) -> None:
        """Warn of what a version that took over does not reach; the first one's threshold was checked before."""
        first = self.deployment.first_champion
        if version == first:
            return
        if advice := self.threshold(version):
            tell(Notice(f"version {version}: {advice.words}"))
        if finding := worse_than_accepted(self.references(version), self.references(first)):
            tell(Notice(f"version {version} is {finding}"))

    def outlook(self, record: BlockRecord, window_rows: int | None) -> Outlook | None:
        """What a retrain after a block would learn from; None while MLflow is away."""
        options, rows = self.options.retrain.on_window(window_rows), self.options.block_size
        with suppress(TrackingError):
            card = card_of(self.registry, self.registry.champion())
            fall = self.falls.last(self.registry.name, card, record.stop)
            outlook = outlook_of(card, record.stop, options, block_rows=rows, fall=fall)
            return replace(outlook, blocks_left=(len(self.table) - record.stop) // rows)
        return None

    def by_hand(self) -> ByHand | None:
        """What `drift retrain` would learn from now: rows that any deployment of this model scored, not this one's.

        None while MLflow is away.
        """
        options, rows, name = self.options.retrain, self.options.block_size, self.registry.name
        with suppress(TrackingError):
            card = card_of(self.registry, self.registry.champion())
            stop = last_row_seen(self.journal, name, card)
            return by_hand_of(card, stop, options, block_rows=rows, fall=self.falls.last(name, card, stop))
        return None
