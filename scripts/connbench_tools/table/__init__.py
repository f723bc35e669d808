"""One Markdown table of all connectors. Used by scripts/table."""
