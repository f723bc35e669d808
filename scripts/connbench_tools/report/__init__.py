"""From finished runs to one page and to figures. Used by scripts/report."""
