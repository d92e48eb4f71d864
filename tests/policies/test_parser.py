"""Names of policies, taken apart."""

import pytest

from drift.detect import DETECTORS, STREAMING, Harm
from drift.errors import UsageError
from drift.policies import DECLARED, POLICIES
from drift.policies.alarm import OnAlarm
from drift.policies.cost import CostAware
from drift.policies.parser import COMBINATIONS, fit_names, known_forms, parse_policy
from drift.policies.protocol import Policy, PolicySettings, threshold_of
from drift.policies.schedules import Every, Never, Scheduled, Spaced
from drift.policies.threshold import BelowThreshold, ForecastBelow
from drift.policies.window import SinceChange, Window
from drift.replays.combiners import COMBINERS
from drift.replays.options import POLICIES as REPLAYED
from tests.fakes import SignPredictor, stream

OF_20 = PolicySettings(20)


def policy(name: str, settings: PolicySettings = OF_20) -> Policy:
    return parse_policy(name).policy(settings)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("never", Never),
        ("every:4", Every),
        ("spaced:5", Spaced),
        ("cost:90", CostAware),
        ("threshold:.8", BelowThreshold),
    ],
)
def test_names_are_policies(name: str, kind: type) -> None:
    assert isinstance(policy(name), kind)
    assert parse_policy(name).detector(OF_20) is None


def test_every_detector_is_a_policy() -> None:
    reference = SignPredictor().reference(stream(300, drift_at=300), range(200))
    for name in (*DETECTORS, *STREAMING):
        assert isinstance(policy(name), OnAlarm)
        make = parse_policy(name).detector(OF_20)
        assert make is not None
        assert make(reference).name == name
    assert not set(DECLARED) & {*DETECTORS, *STREAMING}


def test_windows_and_answers_follow_the_name() -> None:
    windowed = parse_policy("every:4@2016+mix")
    made = windowed.policy(OF_20)
    assert isinstance(made, Window)
    assert (made.rows, made.name, windowed.answering) == (2016, "every:4@2016", "mix")
    assert isinstance(policy("harm@change"), SinceChange)
    assert set(COMBINERS) == {"newest", *COMBINATIONS}


def test_evidence_and_harm_are_one_policy() -> None:
    reference = SignPredictor().reference(stream(300, drift_at=300), range(200))
    for name, loss, blocks in (("evidence", 0.02, 200), ("harm", 0.02, 200), ("evidence:.05:90", 0.05, 90)):
        assert policy(name).name == "harm"
        make = parse_policy(name).detector(OF_20)
        assert make is not None
        detector = make(reference)
        assert isinstance(detector, Harm)
        assert (detector.tolerated_loss, detector.expected_run_length) == (loss, blocks)


@pytest.mark.parametrize(
    ("name", "blocks", "threshold"),
    [("forecast", 3, 0.7), ("forecast:5", 5, 0.7), ("forecast:5:.62", 5, 0.62), ("forecast:5:.62@2016+mix", 5, 0.62)],
)
def test_forecasts_are_named_with_their_threshold(name: str, blocks: int, threshold: float) -> None:
    made = policy(name)
    assert threshold_of(made) == threshold
    if isinstance(made, Window):
        made = made.policy
    assert isinstance(made, ForecastBelow)
    assert (made.blocks, made.threshold) == (blocks, threshold)


def test_settings_fill_what_the_name_leaves_out() -> None:
    settings = PolicySettings(20, threshold_accuracy=0.6, cooldown=3, least_since_change=200)
    made = policy("threshold@change", settings)
    assert isinstance(made, SinceChange)
    assert (made.least, threshold_of(made)) == (200, 0.6)
    assert vars(policy("forecast:5", settings)) == {
        "name": "forecast:5", "threshold": 0.6, "blocks": 5, "cooldown": 3
    }  # fmt: skip
    assert threshold_of(policy("threshold:.8", settings)) == 0.8
    assert threshold_of(policy("never")) is None


def test_the_oracle_is_made_from_hindsight() -> None:
    made = policy("oracle:7", PolicySettings(20, hindsight=range))
    assert isinstance(made, Scheduled)
    assert made.after == set(range(7))
    with pytest.raises(UsageError, match="which needs every label"):
        policy("oracle:7")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sometimes", "expected a policy among cost:ANSWERS, every:K"),
        (
            "every:often",
            "expected every:K, after every K blocks, with a whole number of 1 or more for K; got 'every:often'",
        ),
        ("never:3", "expected never with no value"),
        ("ddm:3", "expected ddm with no value"),
        ("every:0", "a whole number of 1 or more"),
        ("every:nan", "expected every:K"),
        ("every:", "expected every:K"),
        ("spaced:2.5", "expected spaced:R"),
        ("spaced:1000", "expected spaced:R below the number of blocks, which is 20"),
        ("threshold:70", "a number from 0 to 1 for ACCURACY"),
        ("cost:inf", "expected cost:ANSWERS"),
        ("cost:-3", "expected cost:ANSWERS"),
        ("forecast:0", "a whole number from 1 to 50 for BLOCKS"),
        ("forecast:3:70", "a number from 0 to 1 for ACCURACY"),
        ("forecast:3:", "a number from 0 to 1 for ACCURACY"),
        ("forecast:.7", "a whole number from 1 to 50 for BLOCKS"),
        ("forecast:3:.7:1", "with at most 2 values"),
        ("every:4@lately", "expected every:4 with @change, @ROWS"),
        ("every:4@0", "expected every:4 with @change, @ROWS"),
        ("every:4+all", "expected every:4 with [+]recall or [+]mix"),
        ("oracle:many", "expected oracle:R"),
        ("oracle:-1", "a whole number of 0 or more"),
        ("oracle:3@500", "expected oracle:R with nothing after it"),
    ],
)
def test_other_names_are_refused(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        policy(name)


@pytest.mark.parametrize("blocks", [1, 2, 4, 5, 9, 10, 11, 12, 132])
def test_the_default_list_fits_every_stream(blocks: int) -> None:
    names = REPLAYED.split(",")
    fitting = fit_names(names, blocks)
    for name in fitting:
        policy(name, PolicySettings(blocks, hindsight=lambda retrains: ()))
        parsed = parse_policy(name)
        if parsed.needs_hindsight:
            assert parsed.values[0] is not None
            assert parsed.values[0] < blocks
    if blocks > 10:
        assert fitting == names
    assert {"never", "threshold:.7", "harm", "adwin"} <= set(fitting)


def test_numbers_of_retrains_are_those_that_the_stream_allows() -> None:
    names = ["never", "every:4", "spaced:10", "spaced:10+mix", "spaced:10@500+mix", "harm@change", "oracle:10"]
    assert fit_names(names, 9) == [
        "never",
        "every:4",
        "spaced:8",
        "spaced:8+mix",
        "spaced:8@500+mix",
        "harm@change",
        "oracle:8",
    ]
    assert fit_names(["spaced:10", "spaced:8", "every:4"], 3) == ["spaced:2", "every:2"]


def test_forms_are_listed_once_each() -> None:
    forms = known_forms()
    assert len(forms) == len(set(forms)) == len({entry.name for entry in POLICIES.values()})
    assert "oracle:R" in forms
