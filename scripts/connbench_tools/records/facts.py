"""run.json: read, and checked for the types of everything that the scripts use (schemas/run.json)."""

from ..failures import Unusable
from ..vocabulary import READABLE, SCHEMA
from .files import read_json, schema_of, wrong


def read_facts(folder, label):
    """The contents of run.json. Lists and objects that are missing are empty."""
    path = folder / "run.json"
    if not path.exists():
        raise Unusable(f"{label} is not a run folder: run.json is missing")
    facts = read_json(path, label=f"{label}: run.json")
    if not isinstance(facts, dict):
        raise Unusable(f"{label}: run.json is damaged: it is not an object")
    version = facts.get("schema_version")
    if version not in READABLE or isinstance(version, bool):
        raise Unusable(
            f"{label}: run.json has schema version {version}, this script reads versions up to {SCHEMA}. "
            "Take the scripts of the commit that measured it, or measure again"
        )
    if found := wrong(facts, "run"):
        raise Unusable(f"{label}: run.json is damaged: {found}; results/README.md says what must be there")
    for key, rule in schema_of("run")["properties"].items():
        if facts.get(key) is None and rule["type"][0] in ("array", "object"):
            facts[key] = [] if rule["type"][0] == "array" else {}
    return facts


def command_of(facts):
    """The command of connbench that made the records."""
    words = facts["command_line"]
    return words[1] if len(words) > 1 else "run"
