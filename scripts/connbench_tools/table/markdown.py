"""From the records of runs to the table of all connectors, in Markdown. scripts/table is what people call.

A cell is the median over the repetitions; of an even number the lower of the middle two, because a percentile is a
value that occurred, and is never averaged.
"""

import statistics
from pathlib import Path

from connector_records import ADDED, COST, LATE, Unusable

SUSTAINED = 0.8  # of the offered rate, below which a wave in open loop did not sustain it


def median(values):
    known = [float(value) for value in values if value not in ("", None)]
    return statistics.median_low(known) if known else None


def number(value):
    if value is None:
        return "-"
    size = abs(value)
    return f"{value:.0f}" if size >= 100 or value == 0 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def duration(nanoseconds):
    """In µs; from 100 ms on in ms, and says so."""
    if nanoseconds is None:
        return "-"
    return f"{nanoseconds / 1e6:.0f} ms" if abs(nanoseconds) >= 1e8 else number(nanoseconds / 1e3)


def timeout_text(nanoseconds):
    return f"{nanoseconds // 10**9} s" if nanoseconds % 10**9 == 0 else f"{nanoseconds / 1e6:g} ms"


def rate(rows):
    # A wave in which nothing connected has a rate of nothing: it stays in the median.
    return median(row["connects_per_s"] or "0" for row in rows if row["makespan_ns"])


def per_attempt(rows, *columns, scale=1.0):
    sums = [[row[column] for column in columns] for row in rows]
    return median(
        sum(map(float, values)) * scale / int(row["attempts"]) for row, values in zip(rows, sums) if all(values)
    )


def pair(rows, p50, p99):
    cells = [duration(median(row[column] for row in rows)) for column in (p50, p99)]
    return "-" if cells == ["-", "-"] else " / ".join(cells)


def sustained(row):
    """Whether a wave in open loop kept up with its load; true in closed loop, which has no rate to keep up with."""
    offered = row["scenario"].rpartition(":")[2].removesuffix("/s")
    if not row["scenario"].startswith("steady") or not row["connects_per_s"]:
        return True
    return float(row["connects_per_s"]) >= SUSTAINED * float(offered)


def too_late(rows):
    """Whether a wave's deadlines pass later by more than themselves, and by more than any scheduler explains."""
    late = median(row["overshoot_p50_ns"] for row in rows)
    return late is not None and late >= max(1e8, float(rows[0]["timeout_ns"]))


def keeps_no_such_deadline(records, connector):
    return any(too_late(records.of(LATE, connector, timeout)) for timeout in records.timeouts())


def late_cell(records, connector, timeout):
    rows = records.of(LATE, connector, timeout)
    return pair(rows, "overshoot_p50_ns", "overshoot_p99_ns") + (" ‡" if too_late(rows) else "")


def cells(records, connector):
    cost, added = records.of(COST, connector), records.of(ADDED, connector)
    threads = [int(row["threads_peak"]) for row in cost if row["threads_peak"]]
    added_cell = pair(added, "added_p50_ns", "added_p99_ns")
    if added_cell != "-" and not all(map(sustained, added)):
        added_cell += " †"
    return [
        f"`{connector}`",
        number(rate(cost)),
        number(per_attempt(cost, "cpu_ns", scale=1e-3)),
        number(per_attempt(cost, "syscalls")),
        number(per_attempt(cost, "voluntary_switches", "involuntary_switches")),
        added_cell,
        *(late_cell(records, connector, timeout) for timeout in records.timeouts()),
        str(max(threads)) if threads else "-",
        number(median(records.bytes.get(connector, []))),
    ]


# Text


def load_text(rows):
    """The load of some rows: "accepting, burst, 256 in flight, 5 × 2000 attempts"."""
    row = rows[0]
    repetitions = len({other["repetition"] for other in rows})
    load = f"{row['target']}, {row['scenario']}, at most {row['concurrency']} in flight"
    return f"{load}, {repetitions} × {row['attempts']} attempts"


def legend(records):
    """What each column is, and under which load."""
    lines = []
    if records.rows[COST]:
        lines.append(
            "**connects/s**, and per attempt **CPU µs**, **system calls** (counted in a wave of its own, untimed) and "
            f"context **switches**; **threads** (peak, sampled): {load_text(records.rows[COST])}."
        )
    if records.rows[ADDED]:
        lines.append(
            "**added µs**: what comes on top of the handshake, by the kernel's own reading of it, p50 / p99: "
            f"{load_text(records.rows[ADDED])}."
        )
    for timeout in records.timeouts():
        rows = [row for row in records.rows[LATE] if int(row["timeout_ns"]) == timeout]
        lines.append(f"**late after {timeout_text(timeout)}, µs**: past the deadline (negative: too early), p50 / p99: {load_text(rows)}.")
    if records.bytes:
        held = "–".join(dict.fromkeys(str(n) for n in (min(records.pending.values()), max(records.pending.values()))))
        lines.append(
            "**bytes** of a pending attempt: resident memory of the process, stacks included, the kernel's own not "
            f"({held} pending, `floor_bench`)."
        )
    return [*lines, "`-`: does not exist, or there are too few attempts for that percentile."]


def footnotes(records):
    lines = []
    slow = [name for name in records.order if not all(map(sustained, records.of(ADDED, name)))]
    if slow:
        lines.append(f"† {', '.join(slow)}: did not sustain the rate, so fewer were in flight than of the others.")
    coarse = [name for name in records.order if keeps_no_such_deadline(records, name)]
    if coarse:
        lines.append(f"‡ {', '.join(coarse)}: keeps no deadline so short; this is when it really gives up.")
    timed, skipped = {row["connector"] for row in records.rows[LATE]}, {connector for connector, _ in records.skipped}
    endless = [name for name in records.order if records.of(COST, name) and name not in timed | skipped]
    if timed and endless:
        lines.append(f"Not measured where nobody answers, for want of a deadline of its own: {', '.join(endless)}.")
    lines += [f"Not measured: {line}" for line in records.lacks]
    for (connector, reason), targets in records.skipped.items():
        lines.append(f"Skipped: {connector} ({', '.join(sorted(targets))}): {reason}")
    for failure in records.failures:
        lines.append(f"Failed, and in no median: {failure['connector']} on {failure['target']}: {failure['failure']}")
    if records.warnings:
        lines.append(f"{len(records.warnings)} warnings in the records (`run.json`), the first: {records.warnings[0]}")
    return lines


def table(records):
    heads = ["connector", "connects/s", "CPU µs", "system calls", "switches", "added µs"]
    heads += [f"late after {timeout_text(timeout)}, µs" for timeout in records.timeouts()] + ["threads", "bytes"]
    lines = [heads, [":--"] + ["--:"] * (len(heads) - 1)]
    lines += [cells(records, connector) for connector in records.order]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    below = "\n".join(f"- {line}" for line in [*legend(records), *footnotes(records)])
    return (
        f"{next(iter(records.machines))}. Medians over the repetitions; a percentile is of one wave, and never "
        f"averaged.\n\n{text}\n\n{below}\n"
    )


BEGIN, END = "<!-- table:begin -->", "<!-- table:end -->"


def write_between_markers(path, text):
    """Replaces what is between the two markers of a file, and nothing else."""
    path = Path(path)
    try:
        old = path.read_text(encoding="utf-8")
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}") from error
    if old.count(BEGIN) != 1 or old.count(END) != 1 or old.index(BEGIN) > old.index(END):
        raise Unusable(f"{path}: wants one {BEGIN} and one {END} after it")
    before, rest = old.split(BEGIN)
    path.write_text(f"{before}{BEGIN}\n{text}{END}{rest.split(END)[1]}", encoding="utf-8")
