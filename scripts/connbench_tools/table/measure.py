"""Measures what the tables show: five kinds of load with connbench, and memory with floor_bench."""

from collections import namedtuple

from .. import programs
from ..failures import Unusable, say
from .rows import BYTES_FILE, CLOSED_BY_FIN, CLOSED_BY_RST, LACKS_FILE

MEASURED = (0, 1)  # exit statuses of connbench; 1: an outcome is not what the target explains
LACKS = 3  # the machine allows nothing of what was asked
SECOND = 10**9  # ns
QUICK_BYTES = "(epoll|poll-threads|poll-pool)/"

# Rows beside that of their connector: stacks of the size that threads get by default, and a pool with a thread for each
# attempt in flight.
VARIANTS = ("+stack:8MiB", "+threads:256")
WITH_VARIANTS = ("blocking-threads", "poll-threads", "blocking-pool", "poll-pool")
# A way of connecting each: a thread per attempt, a pool, a loop, a ring.
CLOSED = ("blocking-threads", "poll-pool", "epoll", "io-uring")

# One run: arguments of connbench. `which`: a method of Connectors. 384 attempts, because p99 needs 368 in a wave.
Load = namedtuple("Load", "folder target arguments which")

# 12 repetitions tell rows apart by pairs of waves even if one pair is disturbed, 5 by their ranges
# (records/repetitions.py).
#
# By Little's law, 1000/s × 20 ms are 20 attempts in flight. Every connector but `blocking` (one at a time, 50/s)
# sustains that. Arrivals are random: at an even rate, every deadline and every answer would come just when another
# attempt starts, which wakes loops for free. Where no host answers, deadlines are a millisecond apart on average, so
# that few attempts wait for the work of earlier ones. A pool of 64 threads has 64 deadlines at a time, so that a wave
# with 1 s takes it 6 s: that load has one repetition.
FULL = [
    Load("rate", "accepting", "--concurrency 256 --attempts 2000 --repetitions 12", "with_variants"),
    # Twice as many in flight would need all that the link of the lab can carry.
    Load("far", "delayed:20ms", "--concurrency 128 --attempts 1024 --repetitions 12 --syscalls off", "in_parallel"),
    Load(
        "added",
        "delayed:20ms",
        "--arrival poisson:1000/s --concurrency 64 --attempts 384 --repetitions 5 --syscalls off",
        "that_connect",
    ),
    Load(
        "late",
        "blackhole",
        "--arrival poisson:1000/s --concurrency 384 --attempts 384 --repetitions 5 --timeout 10ms,100ms --syscalls off",
        "with_short_deadline",
    ),
    Load(
        "late-1s",
        "blackhole",
        "--arrival poisson:1000/s --concurrency 384 --attempts 384 --repetitions 1 --timeout 1s --syscalls off",
        "with_deadline",
    ),
    # The last, because connections in TIME_WAIT make every later search for a port longer.
    Load("close", "accepting", "--concurrency 256 --attempts 2000 --repetitions 12 --syscalls off", "closed"),
]
# Everything once, to see whether it works: too few attempts for p99.
QUICK = [
    Load("rate", "accepting", "--concurrency 32 --attempts 64 --repetitions 1", "with_variants"),
    Load("far", "delayed:20ms", "--concurrency 32 --attempts 64 --repetitions 1 --syscalls off", "in_parallel"),
    Load(
        "added",
        "delayed:20ms",
        "--arrival poisson:500/s --concurrency 32 --attempts 40 --repetitions 1 --syscalls off",
        "that_connect",
    ),
    Load(
        "late",
        "blackhole",
        "--arrival poisson:1000/s --concurrency 40 --attempts 40 --repetitions 1 --timeout 10ms,100ms --syscalls off",
        "with_short_deadline",
    ),
    Load("close", "accepting", "--concurrency 32 --attempts 64 --repetitions 1 --syscalls off", "closed"),
]


class Connectors:
    """The names of connectors, as `connbench list` knows them, for each kind of load."""

    def __init__(self, program):
        listed = programs.ask(program, "list").get("connectors", [])
        self._all = [(entry["name"], entry.get("capabilities") or {}) for entry in listed]

    def with_variants(self):
        return [name for entry, _ in self._all for name in self._of(entry)]

    def that_connect(self):
        """Those that open sockets at all."""
        return [name for name, capabilities in self._all if capabilities.get("opens_sockets", True)]

    def with_deadline(self):
        """Those that keep a deadline of their own."""
        connecting = set(self.that_connect())
        return [name for name, capabilities in self._all if name in connecting and capabilities.get("has_deadline")]

    def with_short_deadline(self):
        """Those that can keep one below a second. The others would take a second and more for every one."""
        coarse = {name for name, capabilities in self._all if _coarsest(capabilities) >= SECOND}
        return [name for name in self.with_deadline() if name not in coarse]

    def in_parallel(self):
        """Those that can have several attempts in flight, with their variants."""
        alone = {name for name, capabilities in self._all if capabilities.get("completes_in_submit")}
        return [name for entry in self.that_connect() if entry not in alone for name in self._of(entry)]

    def closed(self):
        """Some of them twice: once for each way to close a connection."""
        known = {name for name, _ in self._all}
        return [name + close for name in CLOSED if name in known for close in (CLOSED_BY_RST, CLOSED_BY_FIN)]

    @staticmethod
    def _of(name):
        if name not in WITH_VARIANTS:
            return [name]
        return [name, name + VARIANTS[name.endswith("-pool")]]


def _coarsest(capabilities):
    return max(capabilities.get("floor_ns") or 0, capabilities.get("granularity_ns") or 0)


def measure(bin_folder, out, quick):
    """Fills the folder `out`, which must not exist."""
    hint = "scripts/test builds it"
    program = programs.require_program(bin_folder / "connbench", hint)
    floor_bench = programs.require_program(bin_folder / "floor_bench", hint)
    if out.exists():
        raise Unusable(f"{out} exists already: choose another folder with --out")
    out.mkdir(parents=True)
    connectors = Connectors(program)
    cpus = programs.cpus_flag(program)
    for load in QUICK if quick else FULL:
        names = getattr(connectors, load.which)()
        if not names:
            continue
        command = [program, "run", "--connector", ",".join(names), "--target", load.target, *load.arguments.split()]
        ended = execute([*command, "--samples", "none", *cpus, "--out", out / load.folder])
        if ended.status == LACKS:
            with open(out / LACKS_FILE, "a", encoding="utf-8") as file:
                print(f"{load.target}: {ended.said}", file=file)
        elif ended.status not in MEASURED:
            raise Unusable(f"connbench ended with {ended.status}: {ended.said}")
    measure_memory(floor_bench, out / BYTES_FILE, quick)


def measure_memory(floor_bench, out, quick):
    """Three times: the kernel's memory is that of the whole machine, which other programs disturb."""
    benchmarks = f"--benchmark_filter=pending_bytes/{QUICK_BYTES if quick else ''}"
    repetitions = f"--benchmark_repetitions={1 if quick else 3}"
    ended = execute([floor_bench, benchmarks, repetitions, "--benchmark_out_format=json", f"--benchmark_out={out}"])
    if ended.status != 0:
        raise Unusable(f"floor_bench ended with {ended.status}: {ended.said}")


def execute(command):
    say("+ " + " ".join(map(str, command)))
    return programs.execute(command)
