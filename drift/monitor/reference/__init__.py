"""The reference of a monitor: its limits and the variance between its batches."""
