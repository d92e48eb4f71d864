"""Two tables compared: is there drift, how sure is that, and where does it lie?"""

from drift.compare.comparable_columns import Usable, usable_columns
from drift.compare.comparison import ColumnChange, Comparison, compare_tables

__all__ = ["ColumnChange", "Comparison", "Usable", "compare_tables", "usable_columns"]
