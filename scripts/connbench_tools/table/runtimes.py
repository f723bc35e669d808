"""The table of docs/choosing.md for connectors in other languages: programs, and their runtimes."""

from ..records.repetitions import number
from ..records.waves import median, per_attempt
from ..units import exact_duration, listed
from .cells import NOTHING, figure, microseconds, table_text, whole
from .legend import load_text, version_of
from .parts import column, cpu, known, rate
from .rows import COST, FAR, LATE

LATENESS = 100_000_000  # ns: the timeout whose lateness is shown
MIB = 1024  # KiB


def table(records):
    """One row for each: versions, how fast, what it costs, how late it gives up, and what the runtime holds."""
    columns = [
        column(records, COST, rate, whole),
        column(records, FAR, rate, whole),
        column(records, COST, cpu, microseconds, min),
        column(records, LATE, number("overshoot_p50_ns"), microseconds, abs, _timeout(records)),
        column(records, LATE, number("overshoot_p99_ns"), microseconds, abs, _timeout(records)),
    ]
    heads = ["connector", "versions", "connects/s on loopback", "connects/s, 20 ms away"]
    heads += ["CPU µs: client", "late, µs, p50", "late, µs, p99", "system calls", "threads", "memory, MiB"]
    lines = []
    for name in [name for name in records.order if any(part.rows.get(name) for part in columns)]:
        rows = records.of(COST, name)
        lines.append(
            [
                f"`{name}`",
                version_of(records.programs[name]) or NOTHING,
                *(part.cell(name) for part in columns),
                known(per_attempt(rows, "syscalls"), figure),
                known(_most(rows, "threads_peak"), whole),
                known(_median_mib(rows), figure),
            ]
        )
    return table_text(heads, lines)


def _timeout(records):
    """The timeout nearest to LATENESS."""
    return min(records.timeouts(), key=lambda timeout: abs(timeout - LATENESS), default=None)


def _most(rows, name):
    return max((float(row[name]) for row in rows if row[name]), default=None)


def _median_mib(rows):
    peak = median(row["rss_peak_kib"] for row in rows)
    return None if peak is None else peak / MIB


def legend(records):
    lines = [
        "Each is a program of its own ([runtimes.md](runtimes.md)) that makes the connections of a wave itself, "
        "measured in the same runs as the connectors above. Starting the runtime and a warm-up are not measured. "
        "`cpp-epoll` is this project's `epoll` in a program: its distance from `epoll` is the cost of being one.",
        "**memory** (peak) and **threads** (peak, sampled) are those of the process, runtime included.",
    ]
    for role, title in ((COST, "loopback, CPU, system calls"), (FAR, "20 ms away")):
        if records.rows[role]:
            lines.append(f"**{title}**: {load_text(records.rows[role])}.")
    timeout = _timeout(records)
    late = [row for row in records.rows[LATE] if int(row["timeout_ns"]) == timeout]
    if late:
        lines.append(f"**late**: time past a deadline of {exact_duration(timeout)}: {load_text(late)}.")
    misleading = {
        name: program["misleading"] for name, program in records.programs.items() if program.get("misleading")
    }
    if misleading:
        targets = {entry["target"] for entries in misleading.values() for entry in entries}
        lines.append(
            f"Known to report some outcomes wrongly ({listed(sorted(targets))}): {listed(sorted(misleading), 20)}. "
            "[connect.md](connect.md#what-runtimes-believe) has how often."
        )
    return lines
