"""What child processes inherit."""

import os

# Which configuration is the user's. All other GIT_* variables say which repository, index or command a hook runs for.
KEPT = frozenset(["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"])


def forget_git(environment=os.environ):
    """Removes what git hands to a hook. With GIT_INDEX_FILE, for example, a checkout elsewhere would overwrite the
    index of the commit under way. environment.sh and cmake/environment.cmake do the same."""
    for name in [name for name in environment if name.startswith("GIT_") and name not in KEPT]:
        del environment[name]
