"""Tables and blocks: nothing is lost, nothing is coded twice."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift.data.blocks import Answer, Block, Reference, ScoredBlock, Table, blocks, cut
from drift.errors import BlockError


def table(labels: list[int], classes: tuple[str, ...] = ("a", "b")) -> Table:
    features = np.arange(2 * len(labels), dtype=np.float32).reshape(-1, 2)
    return Table("toy", ("x", "y"), features, np.asarray(labels), classes, None)


@given(start=st.integers(0, 50), rows=st.integers(1, 300), size=st.integers(1, 60))
def test_cut_covers_every_row_once(start: int, rows: int, size: int) -> None:
    if rows < size:
        with pytest.raises(BlockError, match=f"at least one block of {size}"):
            cut(range(start, start + rows), size)
        return
    parts = cut(range(start, start + rows), size)
    assert [row for part in parts for row in part] == list(range(start, start + rows))
    assert all(2 * len(part) >= size and len(part) < 2 * size for part in parts)


def test_blocks_can_begin_in_the_middle() -> None:
    found = list(blocks(table([0, 1] * 10), range(4, 16), 4, first=1))
    assert [(block.index, block.rows) for block in found] == [(1, range(8, 12)), (2, range(12, 16))]
    assert found[0].features[0].tolist() == [16.0, 17.0]


def test_digest_depends_on_the_text_of_labels_and_not_on_their_codes() -> None:
    one = table([0, 1, 1])
    other = Table(one.name, one.feature_names, one.features, np.asarray([1, 0, 0]), ("b", "a"), None)
    assert one.digest() == other.digest()
    assert one.digest(range(2)) != one.digest()
    assert one.digest() != table([0, 1, 0]).digest()


def test_recoding_keeps_texts_and_puts_unknown_classes_last() -> None:
    seen = table([0, 1, 2], ("a", "b", "c")).recoded(("c", "a"))
    assert seen.classes == ("c", "a", "b")
    assert [seen.classes[code] for code in seen.labels] == ["a", "b", "c"]


def test_classes_that_occur_in_some_rows_come_first() -> None:
    known = table([2, 0, 2, 1], ("a", "b", "c")).known_from(range(3))
    assert known.classes == ("a", "c", "b")
    assert known.labels.tolist() == [1, 0, 1, 2]


def test_up_to_a_row_as_if_no_others_had_come() -> None:
    whole = table([0, 1, 1, 0])
    assert whole.upto(3).digest() == whole.digest(range(3))
    times = np.datetime64("2024-01-01T00:00:00") + np.arange(4) * np.timedelta64(1, "h")
    part = replace(whole, timestamps=times).upto(3)
    assert (len(part), part.classes, part.timestamps is not None and len(part.timestamps)) == (3, whole.classes, 3)


def test_scored_block_counts() -> None:
    block = Block(3, range(4), np.zeros((4, 1), np.float32), np.asarray([0, 1, 1, 0]), None)
    answer = Answer(np.asarray([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]], np.float32), 1)
    scored = ScoredBlock(block, answer, 0.1)
    assert (scored.correct, scored.wrong, scored.accuracy) == (3, 1, 0.75)
    assert scored.mean_confidence == pytest.approx(0.75)
    unknown = ScoredBlock(Block(0, range(4), block.features, None, None), answer, 0.1)
    with pytest.raises(BlockError, match="truth is not known"):
        _ = unknown.correct


def test_reference_survives_the_disk(tmp_path: object) -> None:
    from pathlib import Path

    reference = Reference(
        np.ones((3, 2), np.float32), np.asarray([0, 1, 1]), np.asarray([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], np.float32)
    )
    path = Path(str(tmp_path)) / "reference.npz"
    reference.save(path)
    again = Reference.load(path)
    assert again.accuracy == reference.accuracy == pytest.approx(2 / 3)
    np.testing.assert_array_equal(again.features, reference.features)
