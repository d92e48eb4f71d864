"""Rows that the loop or an image experiment leaves behind, as sources of a monitor."""
