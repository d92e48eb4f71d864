"""What a person at a terminal sees: a table that grows, a sparkline, progress, and the questions."""

from drift.terminal.layout import fold as fold
from drift.terminal.layout import line_width as line_width
from drift.terminal.progress import counting as counting
from drift.terminal.progress import current as current
from drift.terminal.progress import progress_lines as progress_lines
from drift.terminal.screen import Screen as Screen
from drift.terminal.screen import has_terminal as has_terminal
from drift.terminal.screen import sparkline as sparkline
