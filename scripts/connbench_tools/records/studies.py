"""study.json: what became of the claims of a study. It stands beside the run folders of the study's steps."""

from .files import read_json

FILE = "study.json"
SCHEMA = 1


def read_study(folder, label=None):
    """The contents of a folder's study.json; None when it has none."""
    path = folder / FILE
    if not path.exists():
        return None
    return read_json(path, "study", f"{label or folder}: {FILE}")
