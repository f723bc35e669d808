"""Finished runs in the formats of other tools. Used by scripts/export."""
