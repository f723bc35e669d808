"""git, as the scripts run it."""

import subprocess

from . import HERE
from .failures import Unusable
from .output import one_line


def run(*arguments, folder=HERE):
    """Runs git to its end: a CompletedProcess with text."""
    command = ["git", "--no-optional-locks", "-C", folder, *arguments]
    try:
        return subprocess.run(command, check=False, capture_output=True, text=True, errors="surrogateescape")
    except FileNotFoundError as error:
        raise Unusable("git is not installed") from error


def ask(*arguments, folder=HERE):
    """What git prints. Unusable with its own reason when it fails."""
    ended = run(*arguments, folder=folder)
    if ended.returncode != 0:
        raise Unusable(f"git {' '.join(map(str, arguments))}: {reason(ended)}")
    return ended.stdout.strip()


def reason(ended):
    """Why git failed, in its own words."""
    return one_line(ended.stderr) or f"exit status {ended.returncode}"


def commit_of(revision, folder=HERE):
    """The commit of a revision."""
    ended = run("rev-parse", "--verify", f"{revision}^{{commit}}", folder=folder)
    if ended.returncode == 0:
        return ended.stdout.strip()
    why = f"'{revision}' is no revision of {folder}: {reason(ended)}"
    if run("rev-parse", "--is-shallow-repository", folder=folder).stdout.strip() == "true":
        why += ". This clone is shallow and lacks older commits: git fetch --unshallow"
    raise Unusable(why)
