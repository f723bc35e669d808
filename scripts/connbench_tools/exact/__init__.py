"""Costs that noise does not touch: system calls, threads, allocations and bytes. Used by scripts/exact."""
