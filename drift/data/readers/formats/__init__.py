"""Formats of files. To add one: its module here, and its import line below."""

from drift.data.readers.formats import csv as csv
from drift.data.readers.formats import parquet as parquet
from drift.data.readers.formats.protocol import FileFormat

FORMATS: dict[str, FileFormat] = {
    str(module.SUFFIX): module
    for module in list(vars().values())
    if hasattr(module, "SUFFIX") and not isinstance(module, type)
}
"""Every format by what the names of its files end in."""
