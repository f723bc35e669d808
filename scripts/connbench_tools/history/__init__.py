"""A history of runs that Apache Otava reads. Used by scripts/history."""
