"""The report: complete, self-contained, and safe with names that are HTML."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from drift.charts.plots import Chart
from drift.data.blocks import Reference, Table
from drift.detect import Score, ThresholdForecast
from drift.errors import StateError
from drift.loop.card import Card, DataSource
from drift.loop.journal.records import Answers, AuditLine, DecisionRecord, Deployment
from drift.loop.options import DeployOptions
from drift.loop.results.deployment import DeploymentDetails, MovedFeature, VersionLine, moved_features, version_lines
from drift.loop.results.outcome import DeploymentOutcome, deployment_outcome, summary
from drift.policies.history import BlockRecord
from drift.report.charts import accuracy_chart, forecast_chart
from drift.report.deployment import ReportData, render, write_deployment
from drift.report.page import write_whole
from drift.tracking.registry import Version

TEST = {
    "rows": 80, "champion_accuracy": 0.7, "challenger_accuracy": 0.8, "only_champion": 2, "only_challenger": 10,
    "p_value": 0.04, "low": 0.01, "high": 0.2, "level": 0.05, "difference": 0.1,
}  # fmt: skip


@dataclass(frozen=True)
class Deployed:
    """What a deployment left, of which a report is made."""

    deployment: Deployment
    threshold: float | None
    flags_below: bool
    classes: tuple[str, ...]
    accepted: dict[int, float]
    blocks: list[BlockRecord]
    decisions: list[DecisionRecord]
    answers: Answers
    trail: list[AuditLine]
    data_name: str
    forecasts: dict[int, ThresholdForecast] = field(default_factory=dict)
    seen: dict[int, int] = field(default_factory=dict)
    versions: Sequence[VersionLine] = ()
    moved: Sequence[MovedFeature] = ()

    @property
    def outcome(self) -> DeploymentOutcome:
        return deployment_outcome(
            self.blocks, self.decisions, self.answers, classes=len(self.classes), accepted=self.accepted,
            first_champion=self.deployment.first_champion, seen=self.seen,
            flagged_below=self.threshold if self.flags_below else None,
        )  # fmt: skip

    @property
    def report_data(self) -> ReportData:
        details = DeploymentDetails(self.accepted, self.seen, self.versions, self.moved, self.outcome)
        return ReportData(
            self.deployment, self.threshold, self.classes, self.blocks, self.decisions, self.trail, self.data_name,
            details, self.forecasts,
        )  # fmt: skip


def verdict(told: Deployed) -> str:
    return told.outcome.verdict


def page_of(told: Deployed) -> str:
    return render(told.report_data)


def chart_of(told: Deployed) -> Chart:
    return accuracy_chart(told.blocks, told.outcome, threshold=told.threshold)


def data(*, promoted: bool = True, names: tuple[str, str] = ("no", "yes"), blocks: int = 6) -> Deployed:
    records = [
        BlockRecord(
            index=index, start=100 + 20 * index, stop=120 + 20 * index, first_time="2024-01-01T00:00:00",
            last_time="2024-01-02T00:00:00", version=2 if promoted and index > 2 else 1,
            correct=8 if index == 2 else 16,
            mean_confidence=0.8, seconds=0.004, flagged=index == 2,
            scores=(Score("accuracy", 0.8, 0.5, 0.01, "accepted 0.800"), Score("features", 0.2, 1e-9, 0.01, "x")),
            first_champion_correct=8 if index > 2 else 16, scored_at="2024-01-03T00:00:00+00:00",
        )
        for index in range(blocks)
    ]  # fmt: skip
    decision = DecisionRecord(
        2, True, "ada@host", "answered yes", {"chance": 0.01}, "promoted", 2, TEST, "2024-01-03T00:00"
    )
    rows = 20 * blocks
    return Deployed(
        deployment=Deployment("toy-1", "toy", "run", {}, 1, 100, 100 + rows, "done", blocks, "2024-01-03"),
        threshold=0.6,
        flags_below=True,
        classes=names,
        accepted={1: 0.8, 2: 0.85},
        blocks=records,
        decisions=[decision] if promoted else [],
        answers=Answers(np.arange(rows) // 20, np.arange(rows) % 2, np.arange(rows) % 3 % 2, np.zeros(rows, np.int64)),
        trail=[AuditLine("promote", 1, 2, "ada@host", "better", {}, "2024-01-03T00:00:01", "toy")],
        data_name="toy.csv",
    )


def test_summary_counts_from_the_first_promotion_on() -> None:
    told = data()
    found = summary(told.blocks, told.decisions)
    assert (found.blocks, found.flagged, found.promotions, found.last_version) == (6, 1, 1, 2)
    assert found.accuracy == pytest.approx((5 * 16 + 8) / 120)
    assert found.accuracy_after == pytest.approx(0.8)
    assert found.accuracy_without == pytest.approx(0.4)
    assert found.lines()[1].endswith("accuracy 0.800; version 1 would have had 0.400")


def test_verdict_counts_the_answers_that_a_promotion_gained() -> None:
    assert verdict(data()) == (
        "1 of 6 blocks fell below the threshold of 0.6. After 1 promotion, version 2 serves. On the 60 rows since the"
        " first one, accuracy was 0.800: 24 more right answers than version 1 would have had (0.400)."
    )


def test_verdict_without_a_promotion_says_who_serves() -> None:
    told = data(promoted=False)
    assert verdict(told) == "1 of 6 blocks fell below the threshold of 0.6, and version 1 still serves."
    refused = DecisionRecord(2, True, "ada@host", "no better", {"chance": 0.01}, "refused", 2, TEST)
    assert verdict(replace(told, decisions=[refused])).endswith("version 1 still serves: 1 challenger refused.")
    quiet = replace(told, blocks=[replace(block, flagged=False) for block in told.blocks])
    assert verdict(quiet) == "No block fell below the threshold of 0.6: version 1 served all 120 rows."


def test_verdict_of_a_promotion_after_the_last_block() -> None:
    told = data(blocks=3)
    last = replace(told.decisions[0], block=2)
    assert verdict(replace(told, decisions=[last])) == (
        "1 of 3 blocks fell below the threshold of 0.6; version 2 was promoted after the last one and serves from now"
        " on."
    )


def at_end(outcome: str) -> Deployed:
    """Five blocks without a flag, and a challenger at the end."""
    calm = [replace(block, flagged=False) for block in data(promoted=False, blocks=5).blocks]
    decision = replace(data().decisions[0], block=5, outcome=outcome)
    return replace(data(promoted=False, blocks=5), blocks=calm, decisions=[decision])


def test_verdict_names_what_came_at_the_end_without_a_flag() -> None:
    served = "No block fell below the threshold of 0.6: version 1 served all 100 rows."
    assert verdict(at_end("promoted")) == f"{served} Version 2 was promoted at the end and serves from now on."
    assert verdict(at_end("refused")) == f"{served} At the end: 1 challenger refused."
    assert verdict(at_end("declined")) == served


def test_a_promotion_at_the_end_is_drawn_within_the_axis() -> None:
    told = at_end("promoted")
    figure = chart_of(told)
    (line,) = figure["layout"]["shapes"]
    assert line["x0"] == 4.5 < figure["layout"]["xaxis"]["range"][1]
    (note,) = figure["layout"]["annotations"]
    assert (note["x"], note["hovertext"]) == (4.5, "version 2 promoted at the end")
    assert not any(
        "had it stayed" in trace["name"] for trace in figure["data"] if trace["name"]
    )  # no block to draw it for
    page = page_of(told)
    assert page.count("<td>end</td>") == 2  # of the comparison, and of the decisions
    assert "after block 5" not in page


def test_a_forecast_has_the_threshold_drawn_but_not_in_the_verdict() -> None:
    assert DeployOptions(policy="forecast:3@change", threshold_accuracy=0.6).threshold == 0.6
    assert DeployOptions(policy="threshold", threshold_accuracy=0.6).threshold == 0.6
    assert DeployOptions(policy="evidence", threshold_accuracy=0.6).threshold is None
    told = replace(data(promoted=False), flags_below=False)
    assert "threshold 0.6" in page_of(told)
    assert verdict(told) == "1 of 6 blocks was flagged, and version 1 still serves."


def test_page_tells_who_decided_what_and_why() -> None:
    page = page_of(data())
    for expected in (
        "ada@host",
        "answered yes",
        "before: version 1, had it stayed",
        "after: as served",
        "version 2 promoted",
        "+0.100",
    ):
        assert expected in page


def test_page_without_drift_says_so() -> None:
    page = page_of(data(promoted=False))
    assert "nothing had to be decided" in page
    assert "Champion against challenger" not in page


def test_page_loads_nothing_from_elsewhere() -> None:
    page = page_of(data())
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=[\"']?(https?:)?//", page)
    assert "default-src 'none'" in page


def test_names_cannot_break_out_of_the_page() -> None:
    evil = "<img src=x onerror=alert(1)>"
    told = data(names=(evil, "yes"))
    score = Score("features", 0.2, 1e-9, 0.01, f"most in {evil}")
    told = replace(told, blocks=[replace(block, scores=(score,)) for block in told.blocks], data_name=evil)
    page = page_of(told)
    assert evil not in page
    assert "\\u003cimg" not in page  # as JSON, which the page's script would hand to the hover text
    assert "&lt;img src=x" in page


def test_one_block_is_enough() -> None:
    assert "toy: 1 block," in page_of(data(promoted=False, blocks=1))


def test_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = write_whole(page_of(data()), tmp_path / "reports" / "r.html")
    assert path.read_text().rstrip().endswith("</html>")
    assert list(path.parent.iterdir()) == [path]
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot be written"):
        write_whole(page_of(data()), tmp_path / "file" / "r.html")


def test_the_forecast_is_drawn_and_said() -> None:
    told = data()
    forecasts = {
        block.index: ThresholdForecast(0.6, 7 - block.index, 2, math.inf, 0.8, 50, 0.125) for block in told.blocks
    }
    page = page_of(replace(told, forecasts=forecasts))
    assert "Forecast: blocks until accuracy is below 0.6" in page
    assert "accuracy is expected below 0.6 in 2 blocks (80 % interval: 2 to more than 50)" in page
    assert "the next block is below it is 0.12" in page
    figure = forecast_chart(forecasts, {block.index: block.version for block in told.blocks})
    medians = [trace for trace in figure["data"] if trace["name"] and trace["name"].startswith("median")]
    assert [trace["name"] for trace in medians] == ["median, version 1", "median, version 2"]
    assert [trace["x"] for trace in medians] == [[0, 1, 2], [3, 4, 5]]
    assert [trace["y"] for trace in medians] == [[7, 6, 5], [4, 3, 2]]
    bands = [trace for trace in figure["data"] if trace["name"] == "80% interval"]
    assert {value for trace in bands for value in trace["y"][: len(trace["y"]) // 2]} == {51}  # beyond the horizon
    assert "Forecast" not in page_of(told)


def table(rows: int = 220) -> Table:
    """Three features of which `moves` is larger from row 160 (block 3) on, and `ends` in block 5 only."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(rows, 3)).astype(np.float32)
    features[160:, 1] += 5
    features[200:, 2] -= 5
    times = np.datetime64("2024-01-01T00:00") + np.arange(rows).astype("timedelta64[h]")
    return Table("toy.csv", ("stays", "moves", "ends"), features, np.arange(rows) % 2, ("no", "yes"), times)


def test_the_report_names_the_features_that_moved() -> None:
    rows = table()
    reference = Reference.of_features(rows.features[:100], rows.feature_names)
    moved = moved_features(data().blocks, rows, lambda version: reference)
    assert [(one.feature, one.blocks, one.first) for one in moved] == [("moves", 3, 3), ("ends", 1, 5)]
    assert moved[0].before == pytest.approx(0, abs=0.3)
    assert moved[0].after == pytest.approx(5, abs=0.6)
    assert moved[0].distance > 0.9
    page = page_of(replace(data(), moved=moved))
    assert "Which features moved" in page
    assert '<td>moves</td><td class="n">3 of 6</td>' in page
    assert "<td>stays</td>" not in page
    assert "No feature of any block differs" in page_of(data())


def test_features_that_are_ignored_do_not_move() -> None:
    rows = table()
    reference = Reference.of_features(rows.features[:100], rows.feature_names)
    assert moved_features(data().blocks, rows, lambda version: reference, ignore=rows.feature_names) == []


def test_the_report_tells_how_each_version_was_made() -> None:
    told = data()
    cards = [
        Card(("a",), ("no", "yes"), {"learning_rate": 0.01, "depth": 2}, fit, kept, "", DataSource("toy.csv", "b"))
        for fit, kept in (((0, 80), (80, 100)), ((40, 140), (140, 160)))
    ]
    tags = ({"drift.kind": "base"}, {"drift.kind": "retrain"})
    made = [(Version(at + 1, f"run{at}" * 8, "", "", tags[at]), card) for at, card in enumerate(cards)]
    lines = version_lines(made, told.blocks, told.decisions, accepted=told.accepted, table=table())
    first, second = lines
    assert (first.number, first.kind, first.outcome, first.fit_rows, first.reference_rows, first.blocks) == (
        1, "base", "first champion", (0, 79), (80, 99), 3,
    )  # fmt: skip
    assert first.accuracy == pytest.approx((16 + 16 + 8) / 60)
    assert (second.kind, second.outcome, second.fit_rows, second.accepted) == ("retrain", "promoted", (40, 139), 0.85)
    assert second.fit_times == ("2024-01-02T16:00", "2024-01-06T19:00")
    page = page_of(replace(told, versions=lines))
    for words in ("<h2>Versions</h2>", "40 to 139", "learning_rate&nbsp;0.01", "depth&nbsp;2", "run0run0", "0.850"):
        assert words in page


def by_hand(*, flagged: bool = True) -> Deployed:
    """Version 2 answers from block 3 on, and version 1 again in the last one; the deployment decided nothing."""
    told = data()
    records = [replace(block, flagged=flagged and block.flagged) for block in told.blocks]
    return replace(told, blocks=[*records[:-1], replace(records[-1], version=1)], decisions=[])


def test_headline_tiles_and_marks_agree_about_a_change_from_outside() -> None:
    told = by_hand()
    assert verdict(told) == (
        "1 of 6 blocks fell below the threshold of 0.6. After 2 changes of champion from outside this deployment,"
        " version 1 serves. On the 60 rows since the first one, accuracy was 0.800: 24 more right answers than"
        " version 1 would have had (0.400)."
    )
    assert verdict(by_hand(flagged=False)).startswith(
        "No block fell below the threshold of 0.6. After 2 changes of champion from outside this deployment, version 1"
    )
    page = page_of(told)
    for expected in (
        "1 flagged, 0 promotions, 2 changes of champion from outside</h1>",
        "serving at the end<b>version 1</b>",
        "since the first change of champion<b>0.800</b>",
        "had version 1 stayed<b>0.400</b>",
        "after: as served, with the changes of champion",
        "marks where another version became champion, by this deployment or from outside",
    ):
        assert expected in page, expected
    assert "still serves" not in page
    assert summary(told.blocks, told.decisions).lines()[1].startswith("since the first change of champion, on 60 rows")


def test_a_promotion_and_a_change_from_outside_are_both_counted() -> None:
    told = replace(by_hand(), decisions=data().decisions)
    assert "After 1 promotion and 1 change of champion from outside this deployment, version 1 serves" in verdict(told)
    figure = chart_of(replace(told, threshold=None))
    notes = [(note["x"], note["text"]) for note in figure["layout"]["annotations"]]
    assert notes == [(2.5, "▸v2"), (4.5, "▸v1")]
    assert figure["layout"]["annotations"][0]["hovertext"] == "version 2 promoted after block 2"
    assert "from outside this deployment" in figure["layout"]["annotations"][1]["hovertext"]


def test_a_line_is_not_drawn_over_the_blocks_of_another_version() -> None:
    told = by_hand()
    figure = chart_of(replace(told, threshold=None))
    (first,) = (trace for trace in figure["data"] if trace["name"] == "version 1")
    assert [value is not None for value in first["y"]] == [True, True, True, False, False, True]
    (stayed,) = (trace for trace in figure["data"] if trace["name"] == "version 1, had it stayed")
    assert stayed["x"] == [2, 3, 4, 5]


def test_another_version_than_the_deployment_began_with_may_answer_its_first_block() -> None:
    told = data()
    told = replace(told, decisions=[], blocks=[replace(block, version=2) for block in told.blocks])
    assert "After 1 change of champion from outside this deployment, version 2 serves. On the 120 rows" in verdict(told)
    assert "had version 1 stayed" in page_of(told)


def test_a_version_that_came_from_outside_is_told_so() -> None:
    told = by_hand()
    card = Card(("a",), ("no", "yes"), {}, (0, 80), (80, 100), "", DataSource("toy.csv", "b"))
    made = [(Version(number, "run", "", "", {}), card) for number in (1, 2)]
    refused = [replace(data().decisions[0], outcome="refused")]
    lines = version_lines(made, told.blocks, refused, accepted=told.accepted, table=table())
    assert [line.outcome for line in lines] == ["first champion", "champion from outside"]


def test_the_trail_holds_changes_from_outside_while_the_deployment_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    deployment = replace(data().deployment, began_at="2024-01-03T00:00:00")
    line = AuditLine("rollback", 2, 1, "bob", "complaints", {}, "2024-01-03T00:00:05")
    own = replace(line, action="refuse", evidence={"deployment": deployment.id})
    others = [
        replace(line, at="2024-01-02T23:59:59"),
        replace(line, at="2024-01-03T00:01:01"),
        replace(line, action="refuse"),
    ]
    journal = SimpleNamespace(
        blocks=lambda id: [replace(data().blocks[-1], scored_at="2024-01-03T00:01:00")],
        decisions=lambda id: [],
        trail=lambda model: [line, *others, own],
    )
    pages = list[ReportData]()
    monkeypatch.setattr("drift.report.deployment.render", pages.append)
    monkeypatch.setattr("drift.report.deployment.write_whole", lambda text, path: path)
    write_deployment(
        cast(Any, journal), deployment, table(), data().report_data.details, Path("nowhere"), threshold=0.6,
        forecasts=lambda blocks: {},
    )  # fmt: skip
    assert pages[0].trail == [line, own]


def test_blocks_that_their_version_had_seen_are_marked_and_count_for_no_accuracy() -> None:
    """Version 2 had seen the rows before 195: blocks 3 and 4, of which block 4 begins at row 180."""
    told = data()
    told = replace(told, decisions=[], seen={1: 100, 2: 195})
    told = replace(told, blocks=[replace(b, correct=20) if b.index in (3, 4) else b for b in told.blocks])
    left_out = "2 blocks are left out of the accuracies (40 rows): the version that answered had seen rows of them"
    assert verdict(told) == (
        "1 of 6 blocks fell below the threshold of 0.6. After 1 change of champion from outside this deployment,"
        " version 2 serves. On the 20 rows since the first one, accuracy was 0.800: 8 more right answers than version"
        f" 1 would have had (0.400). {left_out} when it was made."
    )
    found = summary(told.blocks, [], seen=told.seen)
    assert found.accuracy == pytest.approx((16 + 16 + 8 + 16) / 80)
    assert (found.rows, found.counted_rows, found.seen_rows) == (120, 80, 40)
    assert found.lines()[1] == f"{left_out} when it was made"
    page = page_of(told)
    assert 'accuracy, new rows<b>0.700</b><span class="soft">80 rows' in page
    assert page.count("seen by its version") == 2
    figure = chart_of(replace(told, threshold=None))
    (marked,) = (trace for trace in figure["data"] if trace["name"] == "rows that its version had seen")
    assert marked["x"] == [3, 4]
    assert "seen by its version" not in page_of(data())


def test_where_every_block_after_a_change_was_seen_nothing_is_claimed_of_it() -> None:
    told = replace(data(), decisions=[], seen={2: 220})
    assert verdict(told).startswith(
        "1 of 6 blocks fell below the threshold of 0.6. After 1 change of champion from outside this deployment,"
        " version 2 serves. 3 blocks are left out of the accuracies (60 rows)"
    )
    assert "had version 1 stayed<b>" not in page_of(told)
    card = Card(("a",), ("no", "yes"), {}, (0, 200), (200, 220), "", DataSource("toy.csv", "b"))
    (line,) = version_lines([(Version(2, "run", "", "", {}), card)], told.blocks, [], accepted={}, table=table())
    assert (line.blocks, line.accuracy) == (3, None)
    every = replace(told, seen={1: 220, 2: 220})
    assert "Every block has rows that the version that answered had seen when it was made" in verdict(every)
    assert "accuracy, all rows<b>" in page_of(every)
