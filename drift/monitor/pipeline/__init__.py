"""From batches of rows to stored metrics: batching, measuring, late labels."""
