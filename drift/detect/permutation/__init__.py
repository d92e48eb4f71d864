"""Permutation tests: schemes of permutations, and p-values from them."""
