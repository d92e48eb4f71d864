"""Pages of a monitor that its navigation links to: a file here and a template of the same name each."""

from __future__ import annotations

from drift.monitor.web.sections.alerts import ALERTS as ALERTS
from drift.monitor.web.sections.findings import FINDINGS as FINDINGS
from drift.monitor.web.sections.protocol import Section

SECTIONS = {
    section.name: section
    for section in sorted(
        (entry for entry in list(globals().values()) if isinstance(entry, Section)),
        key=lambda section: (section.order, section.name),
    )
}
"""Every page of the navigation by the last part of its address, in the order of the links."""
