"""What comes in: the embedded ELEC stream, and a user's own table. Each is validated once, at this door."""

from drift.sources.elec import load_elec
from drift.sources.tables import load_table

__all__ = ["load_elec", "load_table"]
