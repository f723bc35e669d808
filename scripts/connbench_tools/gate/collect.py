"""Measures the pairs of the self-test: two copies of one build, without and with a delay in every connect() of one
copy.

A round consists of pairs of A against A and one pair for each delay, so that a collection that ends early is balanced,
too. Every pair is kept at once. A later collection of the same build on the same machine continues this one.
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from .. import ROOT, programs
from ..failures import Unusable
from ..output import write_text
from ..records.files import read_json
from . import pairs, suite
from .resampling import DELAYED_LOAD, DELAYS, SAME, group_of

SHIM = ROOT / "tests/scripts/gate/slow_connect.c"
REFERENCE = "epoll/accepting/concurrency:64/timeout:5s"  # the delays are shares of its time per connect
ROUND = [SAME, DELAYS[3], SAME, DELAYS[2], SAME, DELAYS[1], DELAYS[0]]
CALIBRATING = 5
MOST_BROKEN = 0.05  # of the pairs; more would mean a defect that the self-test must not hide


def collect(given, say, progress):
    """Appends to given.pairs_file for given.minutes, and describes it in collection.json beside it."""
    given.pairs_file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="connbench-self-test-") as name:
        folder = Path(name)
        copies = {side: copy_of(given.build, folder / side) for side in ("base", "head")}
        run, delays = _prepare(copies, folder)
        facts = _facts(given.pairs_file, run, given.build)
        facts["delays_ns"] = delays
        say(f"A delay of 1 % is {delays['+10%'] / 10:.0f} ns of {facts['what']}")
        _measure(given, copies, delays, folder, facts, progress)
    progress("")


def copy_of(build, folder):
    """The bin/ of a copy of a build, which has only what the gate runs."""
    program = build.resolve() / "bin/connbench"
    if not program.exists():
        raise Unusable(
            f"{program} is not there: build it first (cmake --build {build} --target connbench), or name another "
            f"folder with --build"
        )
    (folder / "bin").mkdir(parents=True)
    shutil.copy2(program, folder / "bin")
    return folder / "bin"


def _prepare(copies, folder):
    """The reference run, and the delay of each group in ns: a share of the time per connect without other load."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        raise Unusable("the delay in connect() needs a C compiler: scripts/setup installs one")
    made = subprocess.run(
        [compiler, "-O2", "-shared", "-fPIC", SHIM, "-o", folder / "slow_connect.so", "-ldl"],
        check=False,
        capture_output=True,
        text=True,
    )
    if made.returncode != 0:
        raise Unusable(f"{SHIM} does not compile: {made.stderr.strip()}")
    side = suite.Side("base", copies["base"])
    lacks = suite.lacking(side, folder)
    if lacks:
        raise Unusable(
            f"the self-test needs the whole suite, which this machine does not allow: {'; '.join(lacks.values())}"
        )
    more, rates, run = programs.cpus_flag(side.program), [], None
    for _ in range(CALIBRATING):
        run, _ = suite.measure(side, DELAYED_LOAD, more, folder)
        rates += run.cases[REFERENCE]["connects_per_s"]
    per_connect = 1e9 / max(rates)  # in the wave that was disturbed least
    return run, {group_of(delay): round(delay * per_connect) for delay in DELAYS}


def read_facts(path):
    """What collection.json says about the pairs beside it."""
    return read_json(
        path, "collection", hint=": remove it and the pairs beside it, and collect new ones with --collect"
    )


def _facts(pairs_file, run, build):
    path = pairs_file.with_name("collection.json")
    what = f"the time per connect of {REFERENCE} in its fastest wave"
    facts = {"machine": run.machine_text, "commit": run.commit, "broken": [], "what": what, "minutes": 0.0}
    if pairs_file.exists() and path.exists():
        kept = read_facts(path)
        differs = [key for key in ("machine", "commit") if kept[key] != facts[key]]
        if differs:
            raise Unusable(
                f"{pairs_file} was measured on {kept['machine']}, commit {kept['commit']}; this build ({build}) is of "
                f"commit {facts['commit']} on {facts['machine']}. Remove the file to start again"
            )
        facts |= {key: kept[key] for key in ("broken", "minutes")}
    return facts


def _measure(given, copies, delays, folder, facts, progress):
    file, before = pairs.PairsFile(given.pairs_file), facts["minutes"]
    more = programs.cpus_flag(copies["base"] / "connbench")
    benches = {group: _bench(copies, delay, folder, more) for group, delay in ({SAME: None} | delays).items()}
    count, began = 0, time.monotonic()
    ends = began + 60 * given.minutes
    while time.monotonic() < ends:
        kind = ROUND[count % len(ROUND)]
        group = kind if kind == SAME else group_of(kind)
        count += 1
        try:
            loads = list(suite.LOADS) if group == SAME else [DELAYED_LOAD]
            file.append(group, benches[group].pair(loads))
        except Unusable as error:
            facts["broken"].append(f"{group}: {error}")
        facts["minutes"] = round(before + (time.monotonic() - began) / 60, 1)
        _keep(given.pairs_file, facts)
        progress(f"pair {count} ({group}); {max(0.0, ends - time.monotonic()) / 60:.1f} minutes left")
        if len(facts["broken"]) > max(3, MOST_BROKEN * count):
            raise Unusable(
                f"{len(facts['broken'])} of {count} pairs could not be measured; the last: {facts['broken'][-1]}"
            )


def _bench(copies, delay, folder, more):
    """Where one side is delayed, both load the shim, so that they differ in the delay only."""
    shim = {"LD_PRELOAD": str(folder / "slow_connect.so"), "SLOW_CONNECT_NS": "0"}
    environments = [{}, {}] if delay is None else [shim, shim | {"SLOW_CONNECT_NS": str(delay)}]
    sides = [suite.Side(side, copies[side], more_) for side, more_ in zip(("base", "head"), environments)]
    return pairs.Bench(*sides, folder, None, more)


def _keep(pairs_file, facts):
    write_text(pairs_file.with_name("collection.json"), json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
