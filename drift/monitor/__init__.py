"""The monitor: batches of predictions from a database or files, followed over time."""
