"""Measures the pairs of the self-test: two copies of one build, against each other and with a delay in every connect().

A round is three pairs of A against A and one of each delay, so that a collection that ends early is as balanced as a whole
one. Every pair is kept at once; another collection of the same build on the same machine goes on where this one ended.
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import gate_pairs
import gate_suite
from gate_builds import ROOT
from gate_resampling import DELAYED_LOAD, DELAYS, SAME, group_of
from gate_runs import Unusable

SHIM = ROOT / "tests/scripts/slow_connect.c"
REFERENCE = "epoll/accepting/concurrency:64/timeout:5s"  # whose time per connect the delays are shares of
ROUND = [SAME, DELAYS[3], SAME, DELAYS[2], SAME, DELAYS[1], DELAYS[0]]
CALIBRATING = 5
FACTS = ("machine", "commit", "what", "broken", "minutes")  # of collection.json, which are told with every result
MOST_BROKEN = 0.05  # of the pairs; above, something is wrong that the self-test would hide


def collect(given, say, progress):
    """Appends to given.pairs_file for given.minutes, and describes it in collection.json beside it."""
    given.pairs_file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="connbench-self-test-") as name:
        folder = Path(name)
        copies = {side: _copy(given.build, folder / side) for side in ("base", "head")}
        environment, delays = _prepare(copies, folder)
        facts = _facts(given.pairs_file, environment, given.build)
        facts["delays_ns"] = delays
        say(f"A delay of 1 % is {delays['+10%'] / 10:.0f} ns of {facts['what']}")
        _measure(given, copies, delays, folder, facts, progress)
    progress("")


def _copy(build, folder):
    program = build.resolve() / "bin/connbench"
    if not program.exists():
        raise Unusable(f"{program} is not there: build it first (cmake --build {build} --target connbench), or name a --build")
    (folder / "bin").mkdir(parents=True)
    shutil.copy2(program, folder / "bin")
    return folder / "bin"


def _prepare(copies, folder):
    """The machine's facts, and the delay of each group in ns: a share of the time per connect without other load."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        raise Unusable("no C compiler here for the delay in connect(): scripts/setup installs one")
    made = subprocess.run([compiler, "-O2", "-shared", "-fPIC", SHIM, "-o", folder / "slow_connect.so", "-ldl"], check=False,
                          capture_output=True, text=True)  # fmt: skip
    if made.returncode != 0:
        raise Unusable(f"{SHIM} does not compile: {made.stderr.strip()}")
    side = gate_suite.Side("base", copies["base"])
    lacks = gate_suite.lacking(side, folder)
    if lacks:
        raise Unusable(f"the self-test needs the whole suite, and this machine lacks some: {'; '.join(lacks.values())}")
    more, rates, run = gate_suite.processors(side, folder), [], None
    for _ in range(CALIBRATING):
        run, _ = gate_suite.measure(side, DELAYED_LOAD, more, folder)
        rates += run.cases[REFERENCE]["connects_per_s"]
    per_connect = 1e9 / max(rates)  # of the wave that was disturbed least
    return run.environment, {group_of(delay): round(delay * per_connect) for delay in DELAYS}


def read_facts(path):
    """What collection.json says of the pairs beside it."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Unusable(f"{path} cannot be read: {error}. --collect writes it with the pairs") from error
    lacking = [key for key in FACTS if not isinstance(facts, dict) or key not in facts]
    if lacking:
        raise Unusable(f"{path} has no {', '.join(lacking)}: remove it with the pairs beside it, and --collect anew")
    return facts


def _facts(pairs_file, environment, build):
    path = pairs_file.with_name("collection.json")
    machine = f"{len(environment['cpu']['online'])} × {environment['cpu']['model']}, Linux {environment['kernel']['release']}"
    facts = {"machine": machine, "commit": environment["build"]["git_commit"], "broken": [],
             "what": f"the time per connect of {REFERENCE} in its fastest wave", "minutes": 0.0}  # fmt: skip
    if pairs_file.exists() and path.exists():
        kept = read_facts(path)
        differs = [key for key in ("machine", "commit") if kept[key] != facts[key]]
        if differs:
            raise Unusable(f"{pairs_file} is of {kept['machine']}, commit {kept['commit']}; this ({build}) is "
                           f"{facts['machine']}, commit {facts['commit']}. Remove it to begin anew")  # fmt: skip
        facts |= {key: kept[key] for key in ("broken", "minutes")}
    return facts


def _measure(given, copies, delays, folder, facts, progress):
    file, before = gate_pairs.PairsFile(given.pairs_file), facts["minutes"]
    more = gate_suite.processors(gate_suite.Side("base", copies["base"]), folder)
    benches = {group: _bench(copies, delay, folder, more) for group, delay in ({SAME: None} | delays).items()}
    count, began = 0, time.monotonic()
    ends = began + 60 * given.minutes
    while time.monotonic() < ends:
        kind = ROUND[count % len(ROUND)]
        group = kind if kind == SAME else group_of(kind)
        count += 1
        try:
            loads = list(gate_suite.LOADS) if group == SAME else [DELAYED_LOAD]
            file.append(group, benches[group].pair(loads))
        except Unusable as error:
            facts["broken"].append(f"{group}: {error}")
        facts["minutes"] = round(before + (time.monotonic() - began) / 60, 1)
        _keep(given.pairs_file, facts)
        progress(f"pair {count} ({group}); {max(0.0, ends - time.monotonic()) / 60:.1f} minutes left")
        if len(facts["broken"]) > max(3, MOST_BROKEN * count):
            raise Unusable(f"{len(facts['broken'])} of {count} pairs could not be measured, the last: {facts['broken'][-1]}")


def _bench(copies, delay, folder, more):
    """Both sides have the shim where one is delayed: then only the delay is between them."""
    shim = {"LD_PRELOAD": str(folder / "slow_connect.so"), "SLOW_CONNECT_NS": "0"}
    environments = [{}, {}] if delay is None else [shim, shim | {"SLOW_CONNECT_NS": str(delay)}]
    sides = [gate_suite.Side(side, copies[side], more_) for side, more_ in zip(("base", "head"), environments)]
    return gate_pairs.Bench(*sides, folder, None, more)


def _keep(pairs_file, facts):
    path = pairs_file.with_name("collection.json")
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    fresh.replace(path)
