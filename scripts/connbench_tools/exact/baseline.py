"""results/baseline.json, and how a measurement differs from it.

A figure that is the same in several measurements is kept as a number and compared exactly. A figure that varies by
less than a quarter around a whole number (a late thread of a pool, the set-up of a library) is kept as that number, so
that one more call per attempt still shows. A figure that varies more is kept as the range that was seen, and is not
compared.
"""

import json
import os
import tempfile
from pathlib import Path

from ..failures import Unusable
from ..records.files import read_json
from .counts import ALLOCATIONS, BYTES, THREADS

VERSION = 1
# Compared exactly when they are exact. Other system calls are compared as whole numbers per attempt.
NAMED = frozenset("socket connect setsockopt getsockopt epoll_ctl close clone".split())
NEAR_WHOLE = 0.25
ABOUT = "about"  # a whole number
SEEN = "seen"  # lowest and highest
PAGE = 4096
LOOSE_PAGES, LOOSE_PAGES_OF_A_POOL, LOOSE_SHARE = 4, 16, 0.01


def is_exact(what):
    return what in (ALLOCATIONS, THREADS) or what.partition("/")[2] in NAMED


def number(value):
    return int(value) if value == int(value) else value


def keep(what, values):
    """One entry of the baseline from several measurements of a figure. None when the figure need not be kept."""
    least, most = number(min(values)), number(max(values))
    if what == BYTES:
        return number(sorted(values)[len(values) // 2])
    if least == most and (is_exact(what) or least == round(least)):
        return least
    if any(abs(value - round(least)) > NEAR_WHOLE for value in values):
        return {SEEN: [least, most]}
    return {ABOUT: round(least), SEEN: [least, most]} if round(least) != 0 or is_exact(what) else None


def keep_all(measurements):
    """{connector: {what: entry}} from several measurements. A figure that one of them lacks is 0 there."""
    kept = {}
    for name in measurements[0]:
        every = sorted({what for measured in measurements for what in measured[name]})
        entries = {what: keep(what, [measured[name].get(what, 0) for measured in measurements]) for what in every}
        kept[name] = {what: entry for what, entry in entries.items() if entry is not None}
    return kept


def remember(old, new):
    """`new`, or the old entry when that was known to vary and still fits: ten quiet measurements do not make a figure
    exact."""
    if not isinstance(old, dict) or new is None:
        return new
    least, most = new[SEEN] if isinstance(new, dict) else (new, new)
    if not (
        round(least) == round(most) == old[ABOUT] if ABOUT in old else old[SEEN][0] <= least <= most <= old[SEEN][1]
    ):
        return new
    return old | {SEEN: [min(least, old[SEEN][0]), max(most, old[SEEN][1])]}


def slack(was, threads, pending):
    """By how much resident bytes may differ: memory is counted in pages, and the pages in which the heap begins and the
    stacks of a pool end are never the same."""
    pages = LOOSE_PAGES_OF_A_POOL if threads == "pool" else LOOSE_PAGES
    rounding = pages * PAGE / (pending - pending // 4)  # floor_bench subtracts what a quarter of them take
    return max(rounding, LOOSE_SHARE * was)


def differs(what, was, value):
    if isinstance(was, dict):
        return ABOUT in was and round(value) != was[ABOUT]
    return value != was if is_exact(what) else round(value) != round(was)


def differences(baseline, figures, slack_of):
    """[(connector, what, was, is)]. `slack_of(connector, was)`: by how much the connector's bytes may differ."""
    rows = []
    for name, measured in figures.items():
        known = baseline[name]
        for what in sorted(known.keys() | measured.keys()):
            was, value = known.get(what, 0), measured.get(what, 0)
            if abs(value - was) > slack_of(name, was) if what == BYTES else differs(what, was, value):
                rows.append((name, what, was, value))
    return rows


def changes(old, new):
    """Rows of a table: changed figures of known connectors, and connectors that are new or gone."""
    rows = []
    for name in sorted(old.keys() | new.keys()) if old else []:
        if name not in old or name not in new:
            rows.append((name, "the connector", *(("-", "new") if name in new else ("measured", "gone"))))
            continue
        before, after = old[name], new[name]
        whats = sorted(before.keys() | after.keys())
        rows += [
            (name, what, before.get(what, 0), after.get(what, 0))
            for what in whats
            if before.get(what, 0) != after.get(what, 0)
        ]
    return rows


def other_library(facts, made_with, name):
    """(was, is) when a connector was built with another version of its library; its figures are not comparable then."""
    for library, version in made_with["libraries"].items():
        here = facts["libraries"].get(library)
        if name.startswith(library) and here is not None and here != version:
            return f"{library} {version}", f"{library} {here}"
    return None


def text_of(entry):
    if isinstance(entry, dict):
        least, most = entry[SEEN]
        return f"{entry[ABOUT]} ({least:g}–{most:g})" if ABOUT in entry else f"{least:g}–{most:g}"
    return f"{entry:g}" if isinstance(entry, (int, float)) else str(entry)


LABELS = {ALLOCATIONS: "allocations per attempt", THREADS: "threads while pending", BYTES: "bytes per pending attempt"}


def label(what):
    target, slash, call = what.partition("/")
    return LABELS.get(what, f"{call}() per attempt, {target}" if slash else what)


def table(rows):
    """In Markdown, for terminals and pull requests."""
    lines = ["| connector | what | was | is |", "| :-- | :-- | --: | --: |"]
    for name, what, was, value in rows:
        lines.append(f"| `{name}` | {label(what)} | {text_of(was)} | {text_of(value)} |")
    return "\n".join(lines)


def nested(entries):
    groups = {}
    for what, entry in sorted(entries.items()):
        group, _, name = what.partition("/")
        groups.setdefault(group, {})[name] = entry
    return groups


def flat(groups):
    return {f"{group}/{name}": entry for group, entries in groups.items() for name, entry in entries.items()}


def to_text(document):
    """One line for each connector and target, so that a change is a changed line."""
    rest = {key: value for key, value in document.items() if key != "connectors"}
    lines = json.dumps(rest, indent=2, sort_keys=True, ensure_ascii=False).removesuffix("\n}").splitlines()
    connectors = []
    for name, entries in sorted(document["connectors"].items()):
        groups = [f"      {json.dumps(group)}: {json.dumps(inner)}" for group, inner in nested(entries).items()]
        connectors.append(f"    {json.dumps(name)}: {{\n" + ",\n".join(groups) + "\n    }")
    return "\n".join(lines) + ',\n  "connectors": {\n' + ",\n".join(connectors) + "\n  }\n}\n"


def read(path):
    """The document, whose entries are {connector: {what: entry}}."""
    if not Path(path).exists():
        raise Unusable(f"{path} is not there: make it with --accept")
    document = read_json(Path(path), "baseline", hint=": take the file from git, or make it again with --accept")
    document["connectors"] = {name: flat(groups) for name, groups in document["connectors"].items()}
    return document


def require_writable(path):
    """Checked first, because measuring takes minutes."""
    try:
        with tempfile.TemporaryFile(dir=Path(path).parent):
            pass
    except OSError as error:
        raise Unusable(f"{path} cannot be written: {error.strerror}") from error


def write(path, document):
    """Replaces the file as a whole, or leaves it as it was."""
    path = Path(path)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=path.name, delete=False, encoding="utf-8") as file:
        try:
            file.write(to_text(document))
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
