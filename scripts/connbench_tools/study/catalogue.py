"""The studies that there are: one file each."""

import hashlib
import importlib.util

from .. import INSTALLED, PROGRAMS, ROOT
from ..failures import Unusable
from .plan import Study

STUDIES = PROGRAMS / "studies" if INSTALLED else ROOT / "studies"


def names():
    found = sorted(path.stem for path in STUDIES.glob("*.py"))
    if not found:
        raise Unusable(f"{STUDIES} has no studies")
    return found


def require(wanted):
    """The same names, if there are such studies."""
    for name in wanted:
        if name not in names():
            raise Unusable(f"there is no study '{name}': connbench study list shows all")
    return list(dict.fromkeys(wanted))


def load(name):
    return module(name).STUDY


def module(name):
    """The file of a study as a module, which has a STUDY."""
    path = STUDIES / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"study_{name.replace('-', '_')}", path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    if not isinstance(getattr(made, "STUDY", None), Study):
        raise Unusable(f"{path} defines no STUDY")
    return made


def fingerprint(name):
    """Of the file: records of another version of it are measured again."""
    return hashlib.sha256((STUDIES / f"{name}.py").read_bytes()).hexdigest()[:16]
