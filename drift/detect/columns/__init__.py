"""Two-sample tests of one column at a time, and corrections for testing many."""
