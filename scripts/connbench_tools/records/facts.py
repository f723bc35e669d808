"""run.json: read, and checked for the types of everything that the scripts use."""

import json

from ..failures import Unusable
from ..vocabulary import SCHEMA

NUMBER = (int, float)
# A type, a dictionary of keys, or a list with what each of its items is. Any value may be null or missing.
SHAPE = {
    "run_id": str,
    "complete": bool,
    "command_line": [str],
    "samples": str,
    "origin": {"realtime_ns": int},
    "environment": {
        "kernel": {"release": str, "machine": str},
        "cpu": {"model": str, "online": [int]},
        "build": {"git_commit": str, "compiler": str, "type": str, "flags": str},
        "libraries": {},
        "cpu_accounting": {"softirqs_in_process_time": bool, "config_irq_time_accounting": str},
    },
    "connectors": {},
    "skipped": [{"connector": str, "target": str, "reason": str, "remedy": str}],
    "warnings": [str],
    "failures": [{"connector": str, "target": str, "wave": int, "failure": str}],
    "rates": [
        {
            "connector": str,
            "goal": str,
            "failure": str,
            "scenario": str,
            "target": str,
            "family": str,
            "held_per_s": NUMBER,
            "not_held_per_s": NUMBER,
            "waves": int,
            "concurrency": int,
            "shards": int,
            "timeout_ns": int,
        }
    ],
    "syscalls": [{"connector": str, "target": str, "method": str, "attempts": int, "calls": {}}],
}
NAMES = {str: "text", bool: "true or false", int: "a whole number", NUMBER: "a number"}


def read_json(path, label=None, hint=""):
    """The JSON value in a file. Unusable when there is none; `label` names the file in the message, `hint` ends it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Unusable(f"{label or path} cannot be read: {error}{hint}") from error


def read_facts(folder, label):
    """The contents of run.json. Lists and objects that are missing are empty."""
    path = folder / "run.json"
    if not path.exists():
        raise Unusable(f"{label} is not a run folder: run.json is missing")
    facts = read_json(path, f"{label}: run.json")
    if not isinstance(facts, dict):
        raise Unusable(f"{label}: run.json is damaged: it is not an object")
    version = facts.get("schema_version")
    if version != SCHEMA:
        raise Unusable(
            f"{label}: run.json has schema version {version}, this script reads version {SCHEMA}. "
            "Take the scripts of the commit that measured it, or measure again"
        )
    found = wrong(facts, SHAPE, "")
    if found:
        raise Unusable(f"{label}: run.json is damaged: {found}; results/README.md says what must be there")
    for key, shape in SHAPE.items():
        if facts.get(key) is None and isinstance(shape, (dict, list)):
            facts[key] = type(shape)()
    return facts


def wrong(value, shape, where):
    """The first value that is not of its shape, as text; None when all are."""
    if value is None:
        return None
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return f"{where} is not an object"
        inner = ((value.get(key), of, f"{where}.{key}" if where else key) for key, of in shape.items())
    elif isinstance(shape, list):
        if not isinstance(value, list):
            return f"{where} is not a list"
        inner = ((item, shape[0], f"{where}[{i}]") for i, item in enumerate(value))
    else:
        right = isinstance(value, shape) and (shape is bool or not isinstance(value, bool))
        return None if right else f"{where} is {json.dumps(value)}, not {NAMES[shape]}"
    return next((found for one in inner if (found := wrong(*one))), None)


def command_of(facts):
    """The command of connbench that made the records."""
    words = facts["command_line"]
    return words[1] if len(words) > 1 else "run"
