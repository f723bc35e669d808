"""What a pending attempt holds, in the process and in the kernel: an experiment with floor_bench."""

from .. import programs
from ..failures import Unusable, say
from ..records import pending
from ..records.waves import median
from ..table.cells import table_text, whole

QUESTION = "What does a pending attempt hold, in the process and in the kernel?"
NAMES = ("epoll", "io-uring", "asio", "poll-pool", "blocking-threads", "blocking-threads+stack:8MiB")
PARTS = ("bytes_per_pending", *pending.KERNEL)


def measure(bin_folder, out, quick):
    """Runs floor_bench five times for each connector. `out`: the file for its answer."""
    program = programs.require_program(bin_folder / "floor_bench", "scripts/test builds it")
    names = "|".join(name.replace("+", "[+]") for name in NAMES)
    command = [program, f"--benchmark_filter=pending_bytes/({names})/", f"--benchmark_repetitions={1 if quick else 5}"]
    say("+ " + " ".join(map(str, command)))
    ended = programs.execute([*command, "--benchmark_out_format=json", f"--benchmark_out={out}"])
    if ended.status != 0:
        raise Unusable(f"floor_bench ended with {ended.status}: {ended.said}")


def table(path):
    """A row for each connector: bytes of each part, their sum, and how many times the sum of the first row."""
    by_name = {}
    for entry in pending.measurements(path):
        if pending.has(entry, PARTS):
            by_name.setdefault(pending.connector_of(entry["name"]), []).append(entry)
    heads = ["connector", "process", "kernel: slab", "kernel: stacks", "kernel: page tables", "all (range)"]
    heads += ["process, times the first row", "all, times the first row"]
    lines, first = [], None
    for name in [name for name in NAMES if name in by_name]:
        parts = [median(entry[part] for entry in by_name[name]) for part in PARTS]
        sums = sorted(sum(float(entry[part]) for part in PARTS) for entry in by_name[name])
        first = first or (parts[0], median(sums))
        spread = f"{whole(median(sums))} ({whole(sums[0])}–{whole(sums[-1])})"
        times = [f"{value / base:.1f}" for value, base in zip((parts[0], median(sums)), first)]
        lines.append([f"`{name}`", *map(whole, parts), spread, *times])
    return table_text(heads, lines)
