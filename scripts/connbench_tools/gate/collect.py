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

from .. import programs
from ..failures import Unusable
from ..output import write_text
from ..records.files import read_json
from . import pairs, suite
from .resampling import DELAYED_LOAD, DELAYS, SAME, group_of, suite_of

SHIM = Path(__file__).resolve().parent / "slow_connect.c"
ROUND = [SAME, DELAYS[3], SAME, DELAYS[2], SAME, DELAYS[1], DELAYS[0]]
CALIBRATING = 5
MOST_BROKEN = 0.05  # of the pairs; more would mean a defect that the self-test must not hide


def collect(given, say, progress):
    """Appends to given.pairs_file for given.minutes, and describes it in collection.json beside it."""
    given.pairs_file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="connbench-self-test-") as name:
        folder = Path(name)
        programs_of = {side: _copy(given, folder / side) for side in ("base", "head")}
        measured = suite_of(given)

        def sides(*environments):
            files = zip(programs_of.items(), environments)
            return [suite.Side(name, file.parent, more, file.name, measured) for (name, file), more in files]

        run, delays, reference = _prepare(sides({}, {})[0], folder)
        facts = _facts(given.pairs_file, run, given.build)
        facts |= {"delays_ns": delays, "what": f"the time per connect of {reference} in its fastest wave"}
        say(f"A delay of 1 % is {delays['+10%'] / 10:.0f} ns of {facts['what']}")
        _measure(given, sides, folder, facts, progress)
    progress("")


def _copy(given, folder):
    """The program of one side."""
    if not getattr(given, "program", None):
        return copy_of(given.build, folder) / "connbench"
    folder.mkdir(parents=True)
    return Path(shutil.copy2(given.program, folder))


def copy_of(build, folder):
    """The bin/ of a copy of a build, which has only what the gate runs. Connectors that are programs are the same for
    both sides."""
    program = build.resolve() / "bin/connbench"
    if not program.exists():
        raise Unusable(
            f"{program} is not there: build it first (cmake --build {build} --target connbench), or name another "
            f"folder with --build"
        )
    (folder / "bin").mkdir(parents=True)
    shutil.copy2(program, folder / "bin")
    if (program.parent / "programs").is_dir():
        (folder / "bin/programs").symlink_to(program.parent / "programs")
    return folder / "bin"


def _prepare(side, folder):
    """The reference run; the delay of each group in ns; and the benchmark of whose time per connect it is a share."""
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
    lacks = suite.lacking(side, folder)
    if lacks:
        raise Unusable(
            f"the self-test needs the whole suite, which this machine does not allow: {'; '.join(lacks.values())}"
        )
    if DELAYED_LOAD not in side.suite.of_loads:
        raise Unusable(f"the self-test delays connects in the load '{DELAYED_LOAD}', which this suite does not have")
    more, rates, run, reference = programs.cpus_flag(side.program), [], None, ""
    for _ in range(CALIBRATING):
        run, _ = suite.measure(side, DELAYED_LOAD, more, folder)
        reference = next(name for name in run.cases if name.startswith(side.suite.connectors[0]))
        rates += run.cases[reference]["connects_per_s"]
    per_connect = 1e9 / max(rates)  # in the wave that was disturbed least
    return run, {group_of(delay): round(delay * per_connect) for delay in DELAYS}, reference


def read_facts(path):
    """What collection.json says about the pairs beside it."""
    return read_json(
        path, "collection", hint=": remove it and the pairs beside it, and collect new ones with --collect"
    )


def _facts(pairs_file, run, build):
    path = pairs_file.with_name("collection.json")
    facts = {"machine": run.machine_text, "commit": run.commit, "broken": [], "what": "", "minutes": 0.0}
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


def _measure(given, sides, folder, facts, progress):
    file, before = pairs.PairsFile(given.pairs_file), facts["minutes"]
    groups = {SAME: None} | facts["delays_ns"]
    benches = {group: _bench(sides, delay, folder) for group, delay in groups.items()}
    count, began = 0, time.monotonic()
    ends = began + 60 * given.minutes
    while time.monotonic() < ends:
        kind = ROUND[count % len(ROUND)]
        group = kind if kind == SAME else group_of(kind)
        count += 1
        try:
            loads = list(suite_of(given).of_loads) if group == SAME else [DELAYED_LOAD]
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


def _bench(sides, delay, folder):
    """Where one side is delayed, both load the shim, so that they differ in the delay only."""
    shim = {"LD_PRELOAD": str(folder / "slow_connect.so"), "SLOW_CONNECT_NS": "0"}
    environments = [{}, {}] if delay is None else [shim, shim | {"SLOW_CONNECT_NS": str(delay)}]
    both = sides(*environments)
    return pairs.Bench(*both, folder, None, programs.cpus_flag(both[0].program))


def _keep(pairs_file, facts):
    write_text(pairs_file.with_name("collection.json"), json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
