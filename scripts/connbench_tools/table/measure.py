"""Measures what the table shows: three kinds of load with connbench, and memory with floor_bench."""

from collections import namedtuple

from .. import programs
from ..failures import Unusable, say
from .rows import BYTES_FILE, LACKS_FILE

MEASURED = (0, 1)  # exit statuses of connbench; 1: an outcome is not what the target explains
LACKS = 3  # the machine allows nothing of what was asked
QUICK_BYTES = "(epoll|poll-threads|poll-pool)/"

# One run: arguments of connbench. 384 attempts, because p99 needs 368 attempts in a wave.
Load = namedtuple("Load", "folder target arguments deadline_only", defaults=(False,))

# By Little's law, 1000/s × 20 ms are 20 attempts in flight. Every connector but `blocking` (one at a time, 50/s)
# sustains that. Where no host answers, deadlines are a millisecond apart, so that no attempt waits for the work of
# earlier ones. A pool of 64 threads has 64 deadlines at a time, so that a wave with 1 s takes it 6 s: that load has
# one repetition.
FULL = [
    Load("rate", "accepting", "--concurrency 256 --attempts 2000 --repetitions 5"),
    Load(
        "added",
        "delayed:20ms",
        "--arrival uniform:1000/s --concurrency 64 --attempts 384 --repetitions 3 --syscalls off",
    ),
    Load(
        "late",
        "blackhole",
        "--arrival uniform:1000/s --concurrency 384 --attempts 384 --repetitions 3 --timeout 10ms,100ms --syscalls off",
        True,
    ),
    Load(
        "late-1s",
        "blackhole",
        "--arrival uniform:1000/s --concurrency 384 --attempts 384 --repetitions 1 --timeout 1s --syscalls off",
        True,
    ),
]
# Everything once, to see whether it works: too few attempts for p99.
QUICK = [
    Load("rate", "accepting", "--concurrency 32 --attempts 64 --repetitions 1"),
    Load(
        "added", "delayed:20ms", "--arrival uniform:500/s --concurrency 32 --attempts 40 --repetitions 1 --syscalls off"
    ),
    Load(
        "late",
        "blackhole",
        "--arrival uniform:1000/s --concurrency 40 --attempts 40 --repetitions 1 --timeout 10ms,100ms --syscalls off",
        True,
    ),
]


def measure(bin_folder, out, quick):
    """Fills the folder `out`, which must not exist."""
    hint = "scripts/test builds it"
    program = programs.require_program(bin_folder / "connbench", hint)
    floor_bench = programs.require_program(bin_folder / "floor_bench", hint)
    if out.exists():
        raise Unusable(f"{out} exists already: choose another folder with --out")
    out.mkdir(parents=True)
    every, with_deadline = connectors(program)
    cpus = programs.cpus_flag(program)
    for load in QUICK if quick else FULL:
        names = with_deadline if load.deadline_only else every
        command = [program, "run", "--connector", ",".join(names), "--target", load.target, *load.arguments.split()]
        ended = execute([*command, "--samples", "none", *cpus, "--out", out / load.folder])
        if ended.status == LACKS:
            with open(out / LACKS_FILE, "a", encoding="utf-8") as file:
                print(f"{load.target}: {ended.said}", file=file)
        elif ended.status not in MEASURED:
            raise Unusable(f"connbench ended with {ended.status}: {ended.said}")
    benchmarks = f"--benchmark_filter=pending_bytes/{QUICK_BYTES if quick else ''}"
    ended = execute([floor_bench, benchmarks, "--benchmark_out_format=json", f"--benchmark_out={out / BYTES_FILE}"])
    if ended.status != 0:
        raise Unusable(f"floor_bench ended with {ended.status}: {ended.said}")


def connectors(program):
    """The names of all connectors, and of those with a deadline of their own."""
    listed = programs.ask(program, "list").get("connectors", [])
    capable = {entry["name"] for entry in listed if (entry.get("capabilities") or {}).get("has_deadline")}
    names = [entry["name"] for entry in listed]
    return names, [name for name in names if name in capable]


def execute(command):
    say("+ " + " ".join(map(str, command)))
    return programs.execute(command)
