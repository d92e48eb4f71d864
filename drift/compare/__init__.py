"""Two tables compared: is there drift, how sure is that, and where does it lie?"""

from drift.compare.comparison import ColumnChange, Comparison, compare_tables
from drift.compare.comparable_columns import Usable, usable_columns

__all__ = ["ColumnChange", "Comparison", "Usable", "compare_tables", "usable_columns"]
