"""Two tables compared: is there drift, how sure is that, and where does it lie?"""

from drift.comparison.comparable_columns import ComparableColumns, usable_columns
from drift.comparison.compare import ColumnChange, Comparison, compare_tables

__all__ = ["ColumnChange", "ComparableColumns", "Comparison", "compare_tables", "usable_columns"]
