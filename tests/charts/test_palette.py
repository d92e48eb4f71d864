"""Series of a chart can be told apart, also without colour once colours repeat."""

import pytest

from drift.charts.palette import GREY, SERIES, VERSIONS, series_style


@pytest.mark.parametrize("colours", [SERIES, VERSIONS])
def test_many_series_have_styles_of_their_own(colours: tuple[str, ...]) -> None:
    styles = [series_style(index, colours) for index in range(24 * len(colours))]
    assert len(set(styles)) == len(styles)


def test_a_repeated_colour_has_another_dash_and_marker() -> None:
    for index in range(len(SERIES)):
        first, again = series_style(index), series_style(index + len(SERIES))
        assert first.colour == again.colour
        assert first.dash != again.dash
        assert first.marker != again.marker


def test_colours_differ_in_lightness_or_hue() -> None:
    """Every two are at least 60 apart in RGB (of 441), the grey of what is old among them."""
    colours = [tuple(int(text[at : at + 2], 16) for at in (1, 3, 5)) for text in {*SERIES, *VERSIONS, GREY}]
    for at, one in enumerate(colours):
        for other in colours[:at]:
            assert sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5 > 60
