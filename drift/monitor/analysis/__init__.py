"""Why a metric changed: slices, rows, columns, correlated signals, and notes of people."""
