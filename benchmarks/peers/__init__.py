"""One call each, in a process of its own: `python SCRIPT WHAT N PERMUTATIONS` prints CPU seconds and peak memory."""
