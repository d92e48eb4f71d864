"""Where a monitor reads rows from, and the role of each column."""
