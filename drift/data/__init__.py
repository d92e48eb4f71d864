"""One typed reader for every command: schemas, parsing of values, and readers of files, databases and data frames.

Used by the loop, `drift compare`, the replay and the monitor, which read the same file to the same types and refuse it
with the same words.
"""

from drift.data.schema import Column, Kind, Schema

__all__ = ["Column", "Kind", "Schema"]
