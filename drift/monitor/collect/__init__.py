"""Rows of the loop's scoring log, and of any source for PyTorch; sources: `drift.data.readers`."""
