"""The tables of docs/choosing.md: how fast connectors connect, what they cost, how late they give up, and what closing
with FIN costs."""

from ..records.repetitions import by_repetition, number
from ..records.waves import each_per_attempt, median, per_attempt, rate_of, sustained
from ..units import exact_duration
from .cells import NOTHING, Column, figure, microseconds, relation, table_text, whole
from .rows import ADDED, CLOSE, CLOSED_BY_FIN, CLOSED_BY_RST, COST, FAR, FAR_SECONDS, LATE


def rate(row):
    return rate_of(row) if row["makespan_ns"] else None


def each(*columns):
    """A figure of one wave: the sum of some columns per attempt."""
    return lambda row: next(iter(each_per_attempt([row], *columns)), None)


cpu = each("cpu_ns")


def column(records, role, figure_of, text, best=max, timeout=None):
    """A column of what the waves of one role measured."""
    names = dict.fromkeys(row["connector"] for row in records.rows[role])
    return Column({name: by_repetition(records.of(role, name, timeout), figure_of) for name in names}, text, best)


def rows_with_a_figure(records, columns):
    """The rows of a table: every plain connector, and variants that have a figure in it."""
    measured = {name for part in columns for name, figures in part.rows.items() if figures}
    return [name for name in records.order if name in records.plain() or ("+close:" not in name and name in measured)]


def speed(records):
    """How fast: connects per second near and far, and what is added to a handshake."""
    columns = [
        column(records, COST, rate, whole),
        column(records, FAR, rate, whole),
        column(records, ADDED, number("added_p50_ns"), microseconds, min),
        column(records, ADDED, number("added_p99_ns"), microseconds, min),
        column(records, ADDED, number("queue_p50_ns"), microseconds, min),
    ]
    heads = ["connector", "connects/s on loopback", "connects/s, 20 ms away"]
    heads += ["added µs, p50", "added µs, p99", "before it, µs, p50"]
    lines = []
    for name in rows_with_a_figure(records, columns):
        cells = [part.cell(name) for part in columns]
        if cells[1] != NOTHING and delayed_by_the_path(records.of(FAR, name)):
            cells[1] += " §"
        if cells[2] != NOTHING and not all(map(sustained, records.of(ADDED, name))):
            cells[2] += " †"
        lines.append([f"`{name}`", *cells])
    return table_text(heads, lines)


def delayed_by_the_path(rows):
    """Whether handshakes with a far host took notably longer than its distance, by the kernel's clock: then the link of
    the lab or the machine was the limit, and the rate is a lower bound."""
    handshakes = [
        float(row["p50_ns"]) - float(row["added_p50_ns"]) for row in rows if row["p50_ns"] and row["added_p50_ns"]
    ]
    return bool(handshakes) and median(handshakes) > 1.05 * FAR_SECONDS * 1e9


def cost(records):
    """What it costs: CPU time per attempt, calls, switches, threads and memory."""
    client = column(records, COST, cpu, microseconds, min)
    server = column(records, COST, each("server_cpu_ns"), microseconds, min)
    switches = column(records, COST, each("voluntary_switches", "involuntary_switches"), figure, min)
    heads = [
        "connector",
        "CPU µs: client",
        "softirq, its processors",
        "CPU µs: server",
        "system calls",
        "switches",
        "threads",
    ]
    heads += ["bytes: process", "bytes: kernel", "bytes: both"]
    lines = []
    for name in rows_with_a_figure(records, [client, Column(held_bytes(records), whole)]):
        rows = records.of(COST, name)
        threads = [float(row["threads_peak"]) for row in rows if row["threads_peak"]]
        lines.append(
            [
                f"`{name}`",
                client.cell(name),
                known(softirq_per_attempt(rows), microseconds),
                server.cell(name),
                known(per_attempt(rows, "syscalls"), figure),
                switches.cell(name),
                f"{max(threads):.0f}" if threads else NOTHING,
                *memory_cells(records.memory.get(name, [])),
            ]
        )
    return table_text(heads, lines)


def known(value, text):
    return NOTHING if value is None else text(value)


def softirq_per_attempt(rows):
    """In ns. Over all repetitions together: a wave lasts only a few of the ticks in which the kernel counts this."""
    counted = [row for row in rows if row["client_softirq_ns"] and int(row["attempts"])]
    attempts = sum(int(row["attempts"]) for row in counted)
    return sum(float(row["client_softirq_ns"]) for row in counted) / attempts if attempts else None


def held_bytes(records):
    """{name: {repetition: bytes of the process for each pending attempt}}"""
    return {
        name: {place: one.bytes_each for place, one in enumerate(measured)} for name, measured in records.memory.items()
    }


def memory_cells(measured):
    """Bytes of the process, of the kernel, and of both, for each pending attempt."""
    process, kernel = (median(one[key] for one in map(_bytes, measured)) for key in ("process", "kernel"))
    both = None if process is None or kernel is None else process + kernel
    return [known(value, whole) for value in (process, kernel, both)]


def _bytes(one):
    return {"process": one.bytes_each, "kernel": one.kernel_bytes}


def too_late(rows):
    """Whether attempts time out later than twice their timeout, and later than a scheduler could explain."""
    late = median(row["overshoot_p50_ns"] for row in rows)
    return late is not None and late >= max(1e8, float(rows[0]["timeout_ns"]))


def keeps_no_short_deadline(records, connector):
    return any(too_late(records.of(LATE, connector, timeout)) for timeout in records.timeouts())


def waited_to_begin(rows):
    """How long attempts waited for a thread, in ns, if that is more than a scheduler explains; otherwise 0. A pool's
    deadlines begin when a thread takes the attempt: lateness does not contain this."""
    waited = median(row["queue_p50_ns"] for row in rows) or 0
    return waited if waited >= 1e6 else 0


def lateness(records):
    """How late: for each timeout p50 and p99, and the p50 until the caller has the outcome."""
    heads, columns = ["connector"], []
    for timeout in records.timeouts():
        after = f"after {exact_duration(timeout)}, µs"
        for column_name, head in (
            ("overshoot_p50_ns", "p50"),
            ("overshoot_p99_ns", "p99"),
            ("reaped_overshoot_p50_ns", "p50, reaped"),
        ):
            if any(row.get(column_name) for row in records.rows[LATE]):
                heads.append(f"{after}: {head}")
                columns.append((timeout, column(records, LATE, number(column_name), microseconds, abs, timeout)))
    lines = []
    for name in [name for name in records.order if name in records.named(LATE)]:
        lines.append([f"`{name}`", *(_late_cell(records, name, timeout, part) for timeout, part in columns)])
    return table_text(heads, lines)


def _late_cell(records, name, timeout, part):
    cell, rows = part.cell(name), records.of(LATE, name, timeout)
    if cell == NOTHING:
        return cell
    return cell + " ‡" * too_late(rows) + " †" * (waited_to_begin(rows) > 0)


def closing(records):
    """What closing with FIN costs: each connector against itself with RST, wave against wave."""
    heads = ["connector", "connects/s, RST", "connects/s, FIN", "ratio", "CPU µs, RST", "CPU µs, FIN", "ratio"]
    heads += ["softirq µs, RST", "softirq µs, FIN"]
    rates, costs = column(records, CLOSE, rate, whole), column(records, CLOSE, cpu, microseconds, min)
    rates.places = costs.places = {}  # each row is compared with itself only
    lines = []
    for reset in [name for name in records.named(CLOSE) if name.endswith(CLOSED_BY_RST)]:
        base = reset.removesuffix(CLOSED_BY_RST)
        pair = (reset, base + CLOSED_BY_FIN)
        cells = [f"`{base}`"]
        for part in (rates, costs):
            ours, theirs = (part.rows.get(name, {}) for name in reversed(pair))
            cells += [*map(part.cell, pair), relation(ours, theirs)]
        cells += [known(softirq_per_attempt(records.of(CLOSE, name)), microseconds) for name in pair]
        lines.append(cells)
    return table_text(heads, lines)
