"""What is kept between commands, and may be removed at any time."""

import os
from pathlib import Path


def folder():
    """$XDG_CACHE_HOME/connbench; as the specification wants it, a relative value is ignored."""
    given = Path(os.environ.get("XDG_CACHE_HOME") or "")
    return (given if given.is_absolute() else Path.home() / ".cache") / "connbench"
