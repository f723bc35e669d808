"""The words that program and scripts share: outcomes, columns, files, thresholds and the schema of the records.

vocabulary.json is a committed copy of the constant part of `connbench list --format json`. scripts/vocabulary renews
it, and a test compares it with the program.
"""

import json
from pathlib import Path

from .failures import Unusable

PATH = Path(__file__).resolve().parent / "vocabulary.json"
PARTS = ("schema_version", "outcomes", "columns", "files", "thresholds")

_known = json.loads(PATH.read_text(encoding="utf-8"))

SCHEMA = _known["schema_version"]
READABLE = range(1, SCHEMA + 1)  # older records lack columns, which then are empty
OUTCOMES = tuple(_known["outcomes"])
COLUMNS = {name: tuple(columns) for name, columns in _known["columns"].items()}
SUSTAINED = _known["thresholds"]["sustained_rate"]  # share of the offered rate that an open loop must reach
SERVER_BOUND = _known["thresholds"]["server_bound"]  # share of one processor; above it, the server limits the rate
PERCENTILE_CONFIDENCE = _known["thresholds"][
    "percentile_confidence"
]  # that a percentile's upper bound is in the sample


def constant_part(answer):
    """What vocabulary.json keeps of an answer to `connbench list --format json`."""
    lacking = [part for part in PARTS if part not in answer]
    if lacking:
        raise Unusable(f"`connbench list --format json` has no {', '.join(lacking)}")
    return {part: answer[part] for part in PARTS}


def text_of(constants):
    """As the file holds it: one line per list."""
    compact = {key: json.dumps(value) for key, value in constants.items() if key != "columns"}
    columns = ",\n".join(f"    {json.dumps(name)}: {json.dumps(value)}" for name, value in constants["columns"].items())
    compact["columns"] = f"{{\n{columns}\n  }}"
    return "{\n" + ",\n".join(f"  {json.dumps(part)}: {compact[part]}" for part in PARTS) + "\n}\n"


def differences(constants):
    """One line for each part that differs from vocabulary.json."""
    return [
        f"{part}: the program has {json.dumps(constants[part])}, {PATH.name} has {json.dumps(_known[part])}"
        for part in PARTS
        if constants[part] != _known[part]
    ]
