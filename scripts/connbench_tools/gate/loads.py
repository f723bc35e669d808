"""The loads of a comparison: ours, or those that a file in TOML and the command line choose.

  [rate]                        # closed loop: the cost of a connect
  connectors = ["my-way"]
  targets = ["accepting"]
  concurrency = 64
  timeout = "5s"
  attempts = 1000
  [late]                        # attempts that nobody answers: how late they time out
  [added]                       # a host some way off: what is added to the handshake

A load that the file does not name is not measured. What it leaves out is as in ours (OURS).
"""

import tomllib
from dataclasses import dataclass, fields, replace

from ..failures import Unusable
from ..records.files import read_text

RATE, LATE, ADDED = "rate", "late", "added"


@dataclass(frozen=True)
class Load:
    """The arguments of one turn."""

    connectors: tuple
    targets: tuple
    attempts: int
    timeout: str
    concurrency: int = 64
    repetitions: int = 1
    arrival: str = ""  # empty: a closed loop

    def words(self):
        """As `connbench run` receives them."""
        numbers = {"--concurrency": self.concurrency, "--attempts": self.attempts, "--repetitions": self.repetitions}
        words = ["--connector", ",".join(self.connectors), "--target", ",".join(self.targets)]
        words += [str(word) for flag in numbers.items() for word in flag] + ["--timeout", self.timeout]
        return words + (["--arrival", self.arrival] if self.arrival else [])


OURS = {
    RATE: Load(("epoll", "io-uring", "blocking-threads"), ("accepting",), 1000, "5s"),
    LATE: Load(("epoll", "io-uring", "select-threads"), ("backlog-full",), 64, "10ms", arrival="poisson:4000/s"),
    ADDED: Load(("epoll", "blocking-threads"), ("delayed:2ms",), 64, "5s", repetitions=2, arrival="poisson:1000/s"),
}
KEYS = {field.name: field for field in fields(Load)}


def read(path):
    """{name: Load} of a file. Unusable, with the key, where it says something that no load has."""
    try:
        tables = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise Unusable(f"{path} is not TOML: {error}") from error
    if not tables:
        raise Unusable(f"{path} has no load: [rate], [late] or [added]")
    loads = {}
    for name, table in tables.items():
        if name not in OURS or not isinstance(table, dict):
            raise Unusable(f"{path}: '{name}' is no load: those are [rate], [late] and [added]")
        loads[name] = replace(OURS[name], **{key: _value(f"{path}: {name}.{key}", key, table[key]) for key in table})
    return loads


def _value(where, key, value):
    if key not in KEYS:
        raise Unusable(f"{where}: no load has this key: the keys are {', '.join(KEYS)}")
    if KEYS[key].type is int:
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
        raise Unusable(f"{where} is {value!r}: it must be a whole number above 0")
    words = value if KEYS[key].type is tuple else [value]
    if isinstance(words, list) and words and all(isinstance(word, str) and word for word in words):
        return tuple(words) if KEYS[key].type is tuple else value
    raise Unusable(f"{where} is {value!r}: it must be {'a list of names' if KEYS[key].type is tuple else 'a text'}")


def kind_of(target, known):
    """The load that a target suits. `known`: the targets in the answer to `connbench list`."""
    name = target.partition(":")[0]
    entry = next((entry for entry in known if entry["name"] == name), None)
    if entry is None:
        return RATE  # a host elsewhere
    if "connected" not in entry["expected_outcomes"] and "deadline_exceeded" in entry["expected_outcomes"]:
        return LATE
    return ADDED if entry["network"] == "lab" and "connected" in entry["expected_outcomes"] else RATE


def chosen(loads, connectors, targets, known):
    """The loads with these connectors and targets instead of their own; None keeps those. A load without a target is
    left out."""
    if connectors:
        loads = {name: replace(load, connectors=tuple(connectors)) for name, load in loads.items()}
    if targets:
        kinds = {target: kind_of(target, known) for target in targets}
        of_load = {name: tuple(t for t in targets if kinds[t] == name) for name in OURS}
        loads = {name: replace(loads.get(name, _of_other(name, loads)), targets=of_load[name]) for name in OURS}
        loads = {name: load for name, load in loads.items() if load.targets}
    return loads


def _of_other(name, loads):
    """Our load of this name, with the connectors of the others."""
    return replace(OURS[name], connectors=next(iter(loads.values())).connectors)


def without_deadlines(loads, connectors):
    """(loads, notes): a connector that keeps no timeout cannot be late. `connectors`: {name: whether it keeps one}."""
    notes, kept = [], dict(loads)
    for name, load in loads.items():
        never = [c for c in load.connectors if not connectors.get(base_name(c), True)] if name == LATE else []
        if never:
            notes.append(f"not judged: {', '.join(never)} in the load '{name}': it has no timeout of its own")
            kept[name] = replace(load, connectors=tuple(c for c in load.connectors if c not in never))
    return {name: load for name, load in kept.items() if load.connectors}, notes


def base_name(connector):
    """A connector's name without its options."""
    return connector.partition("+")[0]
