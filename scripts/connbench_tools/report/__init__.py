"""What scripts/report is made of: from finished runs to one page and to figures."""
