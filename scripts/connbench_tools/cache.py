"""What is kept between commands, and may be removed at any time."""

import os
from pathlib import Path

from .failures import Unusable


def folder():
    """$XDG_CACHE_HOME/connbench; as the specification wants it, a relative value is ignored. Unusable when the user has
    no home either."""
    given = Path(os.environ.get("XDG_CACHE_HOME") or "")
    if given.is_absolute():
        return given / "connbench"
    try:
        return Path.home() / ".cache/connbench"
    except RuntimeError as error:
        raise Unusable("this user has no home folder: name one for the cache in XDG_CACHE_HOME") from error
