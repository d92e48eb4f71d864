"""The experiments that `drift images` runs: each one function, from options to numbers, pictures and sentences."""
