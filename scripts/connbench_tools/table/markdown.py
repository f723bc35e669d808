"""The table of all connectors, in Markdown.

A cell is the median over the repetitions; of an even number the lower of the middle two, because a percentile is a
value that occurred, and is never averaged.
"""

from pathlib import Path

from ..failures import Unusable
from ..records.waves import median, per_attempt, rates, sustained
from ..units import counted, exact_duration
from .rows import ADDED, COST, LATE

BEGIN, END = "<!-- table:begin -->", "<!-- table:end -->"


def number(value):
    if value is None:
        return "-"
    size = abs(value)
    return f"{value:.0f}" if size >= 100 or value == 0 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def scaled(value, factor):
    return None if value is None else value * factor


def duration(nanoseconds):
    """In µs; from 100 ms on in ms, with the unit."""
    if nanoseconds is None:
        return "-"
    return f"{nanoseconds / 1e6:.0f} ms" if abs(nanoseconds) >= 1e8 else number(nanoseconds / 1e3)


def pair(rows, p50, p99):
    cells = [duration(median(row[column] for row in rows)) for column in (p50, p99)]
    return "-" if cells == ["-", "-"] else " / ".join(cells)


def too_late(rows):
    """Whether attempts time out later than twice their timeout, and later than a scheduler could explain."""
    late = median(row["overshoot_p50_ns"] for row in rows)
    return late is not None and late >= max(1e8, float(rows[0]["timeout_ns"]))


def keeps_no_short_deadline(records, connector):
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
        number(median(rates(cost))),
        number(scaled(per_attempt(cost, "cpu_ns"), 1e-3)),
        number(per_attempt(cost, "syscalls")),
        number(per_attempt(cost, "voluntary_switches", "involuntary_switches")),
        added_cell,
        *(late_cell(records, connector, timeout) for timeout in records.timeouts()),
        str(max(threads)) if threads else "-",
        number(median(records.bytes.get(connector, []))),
    ]


def load_text(rows):
    """accepting, burst, at most 256 in flight, 5 × 2000 attempts"""
    row = rows[0]
    repetitions = len({other["repetition"] for other in rows})
    load = f"{row['target']}, {row['scenario']}, at most {row['concurrency']} in flight"
    return f"{load}, {repetitions} × {row['attempts']} attempts"


def legend(records):
    """What each column shows, and under which load."""
    lines = []
    if records.rows[COST]:
        lines.append(
            "**connects/s**, and per attempt **CPU µs**, **system calls** (counted in a separate, untimed wave) and "
            f"context **switches**; **threads** (peak, sampled): {load_text(records.rows[COST])}."
        )
    if records.rows[ADDED]:
        lines.append(
            "**added µs**: the time that is added to the handshake as the kernel measures it, p50 / p99: "
            f"{load_text(records.rows[ADDED])}."
        )
    for timeout in records.timeouts():
        rows = [row for row in records.rows[LATE] if int(row["timeout_ns"]) == timeout]
        name = f"late after {exact_duration(timeout)}, µs"
        lines.append(f"**{name}**: time past the deadline (negative: too early), p50 / p99: {load_text(rows)}.")
    if records.bytes:
        held = "–".join(dict.fromkeys(str(n) for n in (min(records.pending.values()), max(records.pending.values()))))
        lines.append(
            "**bytes** per pending attempt: resident memory of the process including stacks, without the kernel's "
            "memory "
            f"({held} pending, `floor_bench`)."
        )
    return [*lines, "`-`: does not exist, or there are too few attempts for that percentile."]


def footnotes(records):
    lines = []
    slow = [name for name in records.order if not all(map(sustained, records.of(ADDED, name)))]
    if slow:
        lines.append(f"† {', '.join(slow)}: did not sustain the offered rate, so that fewer attempts were in flight.")
    coarse = [name for name in records.order if keeps_no_short_deadline(records, name)]
    if coarse:
        lines.append(f"‡ {', '.join(coarse)}: cannot keep such a short deadline; attempts end this late.")
    timed, skipped = {row["connector"] for row in records.rows[LATE]}, {connector for connector, _ in records.skipped}
    endless = [name for name in records.order if records.of(COST, name) and name not in timed | skipped]
    if timed and endless:
        lines.append(f"No deadline of their own, so not measured where no host answers: {', '.join(endless)}.")
    lines += [f"Not measured: {line}" for line in records.lacks]
    for (connector, reason), targets in records.skipped.items():
        lines.append(f"Skipped: {connector} ({', '.join(sorted(targets))}): {reason}")
    for failure in records.failures:
        case = f"{failure.get('connector')} on {failure.get('target')}"
        lines.append(f"Failed, and in no median: {case}: {failure.get('failure')}")
    if records.warnings:
        lines.append(
            f"{counted(len(records.warnings), 'warning')} in the records (`run.json`), the first: {records.warnings[0]}"
        )
    return lines


def table(records):
    heads = ["connector", "connects/s", "CPU µs", "system calls", "switches", "added µs"]
    heads += [f"late after {exact_duration(timeout)}, µs" for timeout in records.timeouts()] + ["threads", "bytes"]
    lines = [heads, [":--"] + ["--:"] * (len(heads) - 1)]
    lines += [cells(records, connector) for connector in records.order]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    below = "\n".join(f"- {line}" for line in [*legend(records), *footnotes(records)])
    origin = next(iter(records.origins), "")
    about = f"{origin}. Medians over the repetitions; a percentile belongs to one wave, and is never averaged."
    return f"{about}\n\n{text}\n\n{below}\n"


def write_between_markers(path, text):
    """Replaces the text between the two markers of a file."""
    path = Path(path)
    try:
        old = path.read_text(encoding="utf-8")
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}") from error
    if old.count(BEGIN) != 1 or old.count(END) != 1 or old.index(BEGIN) > old.index(END):
        raise Unusable(f"{path}: needs one {BEGIN}, and one {END} after it")
    before, rest = old.split(BEGIN)
    path.write_text(f"{before}{BEGIN}\n{text}{END}{rest.split(END)[1]}", encoding="utf-8")
