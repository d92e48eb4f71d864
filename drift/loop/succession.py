"""Whether a base model that was not decided about replaces the champion: compared, asked about, or kept aside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from drift import next_steps
from drift.data.blocks import Table
from drift.detect import PairedTest, mcnemar_test
from drift.loop.card import Card, DataSource
from drift.loop.context import DeploymentContext
from drift.loop.journal.journal import Journal
from drift.loop.options import DeployOptions, PromoteMode
from drift.loop.releases.candidate import Candidate
from drift.loop.releases.promote import card_of
from drift.loop.retraining.challenge import comparison_words, last_row_seen
from drift.loop.training.base import MIN_ROWS
from drift.models.predict import LocalPredictor
from drift.tracking.registry import Registry, Version
from drift.tracking.runs.release import Release

COMPARED_ROWS = 400  # proposed for a comparison where too few rows were scored


@dataclass(frozen=True)
class Succession:
    """What becomes of a new base model beside a champion.

    Attributes:
        promoted: whether it is to become champion.
        by: what or who decided.
        reason: why, in words.
        test: the paired test on rows from which neither has learned; None if there were too few.
        rows: those rows.
    """

    promoted: bool
    by: str
    reason: str
    test: PairedTest | None
    rows: range


def undecided(version: Version, champion: Version, journal: Journal, model: str) -> bool:
    """Whether a version of a base model was registered, but neither refused nor ever champion.

    That is what a promotion leaves that failed after the registration: the model is compared, or asked about, again.

    Args:
        version: registered from a base run.
        champion: the version that serves.
        journal: its audit trail tells which versions were champion.
        model: name in the registry.
    """
    if "drift.verdict" in version.tags or version.number == champion.number:
        return False
    moves = [line for line in journal.trail(model) if line.action != "refuse"]
    return version.number not in {number for line in moves for number in (line.from_version, line.to_version)}


@dataclass(frozen=True)
class Contest:
    """A base model beside a champion, when a deployment begins.

    Attributes:
        candidate: a base run that was never registered, or whose version is undecided.
        champion: the version that serves.
        registry: of the champion.
        context: of the deployment; its log tells how far rows were scored: labels of later ones are not known yet.
        options: of the deployment.
        source: the table that was named; None takes the one of each model.
        load: reads a table.
    """

    candidate: Candidate
    champion: Version
    registry: Registry
    context: DeploymentContext
    options: DeployOptions
    source: DataSource | None
    load: Callable[[DataSource], Table] = DataSource.load

    def decide(self, base: Release) -> Succession:
        """Compare the base model with the champion on scored rows that are new to both, and decide by `--promote`.

        `auto` promotes the better one and asks where nothing can be compared; `ask` asks in any case.

        Args:
            base: the files of the base model, which may be used: the card and the network are of this one copy.
        """
        mode, number, words = self.options.promote, self.champion.number, self.candidate.words
        serving = card_of(self.registry, self.champion)
        wanted = Card.from_metadata(base.card)
        start = max(serving.seen, wanted.seen)
        rows = range(start, max(start, last_row_seen(self.context.journal, self.registry.name, serving)))
        if mode is PromoteMode.NEVER:
            return Succession(False, "--promote never", words, None, rows)
        test = self._compare(base.model_file, (serving, wanted), rows) if len(rows) >= MIN_ROWS else None
        compared = f"{words}; {comparison_words('new base model', test)}" if test else words
        untested = f"{compared}; not compared with version {number}: {len(rows)} scored rows are new to both"
        reason = compared if test else untested
        if mode is PromoteMode.ALWAYS:
            return Succession(True, "--promote always", reason, test, rows)
        if mode is PromoteMode.AUTO and test is not None:
            return Succession(test.better, "--promote auto", reason, test, rows)
        if self.context.ask_replacement is None:
            return Succession(False, "no terminal to ask at", reason, test, rows)
        question = f"{reason}\nReplace champion version {number} by this base model? [y]es, [n]o: "
        return Succession(self.context.ask_replacement(question), self.context.person, reason, test, rows)

    def kept_line(self, succession: Succession, table: DataSource, *, table_rows: int, scored_to: int) -> str:
        """One line for a champion that stays beside a base model that was not compared with it.

        Args:
            succession: the decision.
            table: of both.
            table_rows: that it has.
            scored_to: one past the last row that the deployment is about to score.
        """
        options = self.options

        def deploy(**changes: object) -> str:
            given = {**options.given(), **self.context.server}
            given |= {"promote": None, "start_row": None, "until_accepted": None} | changes
            return next_steps.deploy(options.experiment, options.model_name, table.options, **given)

        if max(succession.rows.stop, scored_to) - succession.rows.start >= MIN_ROWS:
            compare = f"to compare them, deploy again after this deployment: {deploy()}"
        elif table_rows - succession.rows.start < MIN_ROWS:
            compare = f"no {MIN_ROWS} rows of {table.name} are new to both: add later rows to compare them"
        else:
            rows = min(table_rows - succession.rows.start, max(COMPARED_ROWS, options.block_size))
            scored = deploy(promote="never", start_row=succession.rows.start, test_data_rows=rows)
            compare = f"to compare them, score rows that are new to both and deploy again: {scored}"
        return (
            f"version {self.champion.number} stays champion; base run {self.candidate.run.id} stays aside"
            f" ({succession.by}; {succession.reason}); {compare}; to replace it uncompared: {deploy(promote='always')}"
        )

    def _compare(self, base: Path, cards: tuple[Card, Card], rows: range) -> PairedTest:
        """McNemar's test of both models on the same rows."""
        correct = []
        for card, path in zip(cards, (self.registry.release(self.champion).model_file, base), strict=True):
            part = card.fit_to(self.load(self.source or card.source)).part(rows)
            answered = LocalPredictor.from_file(path, version=self.champion.number).predict(part.features)
            correct.append(answered.predictions == part.labels)
        return mcnemar_test(*correct, level=self.options.retrain.level)
