"""The scoring log: every block, label and decision once, in SQLite; and what is repaired in it."""
