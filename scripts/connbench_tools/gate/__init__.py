"""The regression gate: is one build slower than another? Used by scripts/compare and scripts/regress."""
