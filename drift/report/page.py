"""What all pages are made with: each is one HTML file that asks the network for nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from drift import __version__
from drift.charts.plots import as_html
from drift.detect.permutation.p_values import format_p_value
from drift.system.disk import write_at_once, write_errors

if TYPE_CHECKING:
    from jinja2 import Environment


def write_whole(text: str, path: Path) -> Path:
    """Write a page to `path`, whole or not at all."""
    with write_errors(f"the report cannot be written to {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_at_once(path, text.encode())
    return path


def page_of(template: str, **values: Any) -> str:
    """A page as text.

    Args:
        template: its file in this folder.
        values: that it shows.
    """
    page: str = environment().get_template(template).render(values)
    return page


def plotly_library() -> str:
    """Plotly's JavaScript, whole, for pages that ask the network for nothing."""
    from plotly.offline import get_plotlyjs

    library: str = get_plotlyjs()
    return library


def environment(folder: str = "report") -> Environment:
    """Where templates come from, a folder of this package; everything in them is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(
        loader=PackageLoader("drift", folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals |= {"plotly_library": plotly_library, "version": __version__}
    templates.filters |= {"p_value": format_p_value, "draw": as_html}
    return templates
