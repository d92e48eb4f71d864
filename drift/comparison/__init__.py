"""Two tables compared: is there drift, how sure is that, and where does it lie?"""

from drift.comparison.comparable_columns import ComparableColumns, choose_columns
from drift.comparison.compare import compare_tables
from drift.comparison.result import ColumnChange, Comparison

__all__ = ["ColumnChange", "ComparableColumns", "Comparison", "choose_columns", "compare_tables"]
