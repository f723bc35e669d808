"""Compares a build with the baseline, or makes it the new baseline. scripts/exact is the program."""

from .. import command
from ..failures import Unusable, say
from . import baseline
from .counts import ALLOCATIONS, BYTES, KINDS, THREADS, Build

CONFIRMATIONS = 2  # further measurements that must show a difference too


def run(given):
    """Prints the result. Returns the exit status."""
    build = Build(given.build, given.program)
    for name in given.connector or []:
        if name not in build.connectors:
            raise Unusable(f"there is no connector '{name}' (see connbench list)")
    if given.accept:
        accept(given, build)
        return 0
    if given.program and given.connector is None:
        given.connector = sorted(baseline.read(given.baseline)["connectors"])  # not ours, which are not theirs to keep
    return report(given, build.facts, *compare(given, build))


def kind_of(what):
    return {ALLOCATIONS: "allocations", THREADS: "pending", BYTES: "pending"}.get(what, "system-calls")


def slack_of(build):
    def slack(name, was):
        return baseline.slack(was, build.connectors[name].threads, build.pending[name]) if name in build.pending else 0

    return slack


def accept(given, build):
    """Measures several times and writes the baseline. Connectors and kinds that were not chosen keep their entries."""
    old = baseline.read(given.baseline) if given.baseline.exists() else {"connectors": {}}
    rest_stays = bool(old["connectors"]) and (given.connector is not None or set(given.what) != set(KINDS))
    if rest_stays:
        require_same_environment(build.facts, old["made_with"])
    baseline.require_writable(given.baseline)
    measurements = []
    for turn in range(given.runs):
        say(f"measurement {turn + 1} of {given.runs}")
        measurements.append(build.measure(given.connector, given.what))
    kept = baseline.keep_all([{n: m[n] for n in m if n not in build.skipped} for m in measurements])
    connectors = {} if given.connector is None else dict(old["connectors"])
    for name, entries in kept.items():
        known = old["connectors"].get(name, {})
        rest = {what: entry for what, entry in known.items() if kind_of(what) not in given.what}
        new = {what: baseline.remember(known.get(what), entry) for what, entry in entries.items()}
        connectors[name] = rest | new
    measured = min(given.runs, old.get("measurements", given.runs)) if rest_stays else given.runs
    document = {"version": baseline.VERSION, "made_with": build.facts, "measurements": measured}
    baseline.write(given.baseline, document | {"connectors": connectors})
    rows = baseline.changes(old["connectors"], connectors)
    print(baseline.table(rows) if rows else f"{len(connectors)} connectors; no earlier figure has changed")
    print(f"\nAccepted: {given.baseline}")
    for name, why in sorted(build.skipped.items()):
        print(f"Not in it: {name}: {why}")


def require_same_environment(facts, made_with):
    """The file records one environment. Entries that are kept must have been measured in the present one."""
    for fact in ("build_type", "machine", "compiler", "glibc", "libraries"):
        if facts[fact] != made_with[fact]:
            raise Unusable(
                f"the baseline was made with {fact} {made_with[fact]}, this build has {facts[fact]}: accept all of it, "
                "without --connector and --what"
            )


def require_comparable(facts, made_with):
    for fact in ("build_type", "machine"):
        if facts[fact] != made_with[fact]:
            raise Unusable(
                f"the baseline is for a {made_with['build_type']} build on {made_with['machine']}, this is a "
                f"{facts['build_type']} build on {facts['machine']}"
            )


def came_and_went(given, build, known):
    chosen = build.connectors if given.connector is None else given.connector
    rows = [(name, "the connector", "-", "new") for name in chosen if name not in known and name not in build.skipped]
    for name in sorted(known) if given.connector is None else sorted(set(known) & set(chosen)):
        if name not in build.connectors or name in build.skipped:
            rows.append((name, "the connector", "measured", build.skipped.get(name, "gone")))
    return rows


def confirmed(build, wanted, found):
    """The differences that all further measurements show, too."""
    for _ in range(CONFIRMATIONS if found else 0):
        say(f"{len(found)} differences: measuring those again")
        again = build.measure({name for name, *_ in found}, sorted({kind_of(what) for _, what, *_ in found}))
        shown = {row[:2] for row in found}
        rows = baseline.differences({name: wanted[name] for name in again}, again, slack_of(build))
        found = [row for row in rows if row[:2] in shown]
    return found


def compare(given, build):
    """Rows of the table, the connectors that were not compared and why, the baseline's environment, and how many
    connectors were compared."""
    document = baseline.read(given.baseline)
    require_comparable(build.facts, document["made_with"])
    figures, known = build.measure(given.connector, given.what), document["connectors"]
    others = {n: other for n in figures if (other := baseline.other_library(build.facts, document["made_with"], n))}
    compared = [n for n in figures if n in known and n not in build.skipped and n not in others]
    wanted = {n: {what: entry for what, entry in known[n].items() if kind_of(what) in given.what} for n in compared}
    found = baseline.differences(wanted, {n: figures[n] for n in compared}, slack_of(build))
    rows = came_and_went(given, build, known) + confirmed(build, wanted, found)
    return rows, others, document["made_with"], len(compared)


def report(given, facts, rows, others, made_with, compared):
    """Prints the table. Returns the exit status."""
    for name, (was, here) in others.items():
        print(f"Not compared: {name}: the baseline was made with {was}, this build with {here}")
    if not rows:
        print(f"Exact figures of {compared} connectors: as in {given.baseline} (commit {made_with['commit']})")
        if given.program:
            print("Not compared: allocations, threads and memory, which are counted for connectors of connbench itself")
        return 0
    print(baseline.table(rows))
    for fact in ("compiler", "kernel", "glibc"):
        if facts[fact] != made_with[fact]:
            print(f"\nThe baseline was made with {fact} {made_with[fact]}; this build has {facts[fact]}.")
    what = (
        given.build or f"--program {given.program} --baseline {given.baseline} --connector {','.join(given.connector)}"
    )
    print(
        f"\n{len(rows)} exact figures differ from {given.baseline} (commit {made_with['commit']}). If the change is "
        f"intended, accept it:\n  {command('exact')} {what} --accept"
    )
    return 1
