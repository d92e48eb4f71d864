"""A champion that is changed by another command while a deployment runs: noticed in the next block, and told once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from drift.data.blocks import Answer, Floats, blocks, cut
from drift.loop.events import Notice
from drift.loop.retraining.approval import AlwaysRetrain, NeverRetrain
from drift.loop.scoring.rows import outside_changes
from drift.loop.scoring.score import run_blocks
from tests.loop.scoring.test_score import ROWS, SIZE, TABLE, Story


class Switched:
    """The server of a story, whose default version is changed from outside before some blocks."""

    def __init__(self, story: Story, switches: dict[int, int]) -> None:
        self.story, self.switches = story, switches

    def predict(self, features: Floats) -> Answer:
        """Change first, then answer."""
        version = self.switches.get(len(self.story.progress.blocks))
        if version is not None:
            self.story.service.make_default(version)
        return self.story.service.predict(features)


def switched(folder: Path, switches: dict[int, int], consent: Callable[..., object] | None = None) -> Story:
    story = Story(folder, consent or NeverRetrain())  # type: ignore[arg-type]
    story.parts.predictor, story.parts.began_with = Switched(story, switches), 1
    return story


def told(story: Story) -> list[str]:
    return [
        event.text
        for event in story.listener.events
        if isinstance(event, Notice) and "from outside this deployment" in event.text
    ]


def line(version: int, block: int, before: int) -> str:
    return (
        f"version {version} answers from block {block} on (before: version {before}): the champion was changed from"
        " outside this deployment"
    )


def test_a_promotion_and_a_rollback_by_another_command_are_told(tmp_path: Path) -> None:
    """Also the rollback to a version that has answered in this deployment before."""
    story = switched(tmp_path, {2: 2, 4: 1})
    story.run()
    assert [block.version for block in story.progress.blocks] == [1, 1, 2, 2, *[1] * 6]
    assert told(story) == [line(2, 2, 1), line(1, 4, 2)]
    changes = outside_changes(story.progress.blocks, story.progress.decisions, first_champion=1)
    assert [change.words for change in changes] == told(story)


def test_what_the_deployment_promotes_itself_is_not_told_as_from_outside(tmp_path: Path) -> None:
    story = switched(tmp_path, {}, AlwaysRetrain())
    story.run()
    assert {block.version for block in story.progress.blocks} == {1, 2}
    assert told(story) == []
    assert outside_changes(story.progress.blocks, story.progress.decisions, first_champion=1) == []


def test_a_rollback_before_the_promoted_version_has_answered_is_told(tmp_path: Path) -> None:
    story = switched(tmp_path, {6: 1}, AlwaysRetrain())
    story.run()
    assert [decision.outcome for decision in story.progress.decisions][:1] == ["promoted"]
    assert told(story)[:1] == [line(1, 6, 2)]


def test_a_change_before_the_first_block_or_while_interrupted_is_told(tmp_path: Path) -> None:
    story = switched(tmp_path, {0: 2})
    run_blocks(list(blocks(TABLE, ROWS, SIZE))[:3], story.parts, story.progress, total=len(cut(ROWS, SIZE)))
    assert told(story) == [line(2, 0, 1)]
    again = switched(tmp_path, {})  # whose server begins with version 1
    again.run()
    assert told(again) == [line(1, 3, 2)]
