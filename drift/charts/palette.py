"""Colours, line styles and markers of every chart, by Okabe and Ito: colour-blind readers can tell them apart.

Source: M. Okabe and K. Ito, "Color Universal Design", 2008. Without their yellow: its contrast on white is 1.3 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass

BLUE, GREEN, PURPLE, SKY = "#0072B2", "#009E73", "#CC79A7", "#56B4E9"
ORANGE, VERMILLION, BLACK, GREY = "#E69F00", "#D55E00", "#222222", "#7F7F7F"
WHITE, GRID, PALE = "#FFFFFF", "#E5E5E5", "#BFC5CD"  # background, grid lines, and what is of no consequence
BAND = "rgba(0, 114, 178, 0.15)"  # of intervals around a series: BLUE, translucent

SERIES = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, BLACK)
VERSIONS = (BLUE, GREEN, PURPLE, SKY, ORANGE, BLACK)  # without the colour of flags and thresholds
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
MARKERS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "star", "hexagon2", "pentagon")


@dataclass(frozen=True)
class Style:
    """How one series of a chart is drawn.

    Attributes:
        colour: as `#RRGGBB`.
        dash: of its line, in Plotly's terms.
        marker: of its points, in Plotly's terms.
    """

    colour: str
    dash: str
    marker: str


def series_style(index: int, colours: tuple[str, ...] = SERIES) -> Style:
    """The style of the series at a position: colours repeat only with another dash and another marker.

    Args:
        index: position of the series, from 0.
        colours: to use in turn.

    Returns:
        Different styles for the first `len(colours) * 24` positions, which is further than a chart can be read.

    >>> series_style(0), series_style(7)
    (Style(colour='#0072B2', dash='solid', marker='circle'), Style(colour='#0072B2', dash='dash', marker='square'))
    """
    place, repeat = index % len(colours), index // len(colours)
    return Style(colours[place], DASHES[repeat % len(DASHES)], MARKERS[repeat % len(MARKERS)])
