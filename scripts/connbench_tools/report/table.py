"""The comparison table: one row per connector and load, which accounts for every attempt."""

from html import escape

from ..records.waves import each_per_attempt, is_harness
from ..units import duration, honest_digits, memory, significant
from ..vocabulary import SERVER_BOUND


class Column:
    def __init__(self, identity, head, explains, value, text=None, spread=None, each=None):
        self.identity, self.head, self.explains, self.value = identity, head, explains, value
        self.text = text or significant
        self.each = each  # the figure of each repetition, where it decides how many digits are shown
        self.spread = spread  # the range of the repetitions as text, shown below the median


def _spread(line):
    rates = line.rates()
    low, high = (significant(rate, honest_digits(rates)) for rate in (rates[0], rates[-1])) if rates else ("", "")
    return f"{low}–{high}" if len(rates) > 1 and rates[-1] else ""


def _each(column):
    """A column of summary.csv, for each repetition that has it."""
    return lambda line: [float(row[column]) for row in line.rows if row[column] not in ("", None)]


COLUMNS = (
    Column(
        "rate",
        "connects/s",
        "Connected attempts divided by the time from first to last; below it, the range of the repetitions",
        lambda line: line.rate(),
        spread=_spread,
        each=lambda line: line.rates(),
    ),
    Column(
        "cpu",
        "CPU",
        "CPU time of the client per attempt, with the softirqs of its system calls on most kernels: compare rows of "
        "one target and family only",
        lambda line: line.cpu_ns(),
        duration,
        each=lambda line: each_per_attempt(line.rows, "cpu_ns"),
    ),
    Column("syscalls", "system calls", "Per attempt, counted in a separate wave", lambda line: line.syscalls()),
    Column(
        "switches",
        "switches",
        "Context switches per attempt",
        lambda line: line.switches(),
        each=lambda line: each_per_attempt(line.rows, "voluntary_switches", "involuntary_switches"),
    ),
    Column(
        "flight",
        "in flight",
        "Mean number of attempts in flight",
        lambda line: line.of("in_flight_mean"),
        each=_each("in_flight_mean"),
    ),
    Column(
        "p50",
        "p50",
        "Time to connect, median; only where latencies are comparable: one in flight, or open loop",
        lambda line: line.latency("p50_ns"),
        duration,
        each=_each("p50_ns"),
    ),
    Column(
        "p99",
        "p99",
        "Time to connect, 99th percentile; only where latencies are comparable",
        lambda line: line.latency("p99_ns"),
        duration,
        each=_each("p99_ns"),
    ),
    Column(
        "queue",
        "start delay p99",
        "Time from the intended to the actual start, 99th percentile; open loop and one in flight",
        lambda line: line.latency("queue_p99_ns"),
        duration,
        each=_each("queue_p99_ns"),
    ),
    Column(
        "late",
        "late p50",
        "Time from the deadline until the attempt was given up, median; negative: too early",
        lambda line: line.of("overshoot_p50_ns"),
        duration,
        each=_each("overshoot_p50_ns"),
    ),
    Column(
        "late99",
        "late p99",
        "Time from the deadline until the attempt was given up, 99th percentile",
        lambda line: line.of("overshoot_p99_ns"),
        duration,
        each=_each("overshoot_p99_ns"),
    ),
    Column(
        "reaped",
        "reaped p50",
        "Time from the deadline until the caller received the attempt, with all that ended in the same wait; median",
        lambda line: line.of("reaped_overshoot_p50_ns"),
        duration,
        each=_each("reaped_overshoot_p50_ns"),
    ),
    Column(
        "reaped99",
        "reaped p99",
        "Time from the deadline until the caller received the attempt, 99th percentile",
        lambda line: line.of("reaped_overshoot_p99_ns"),
        duration,
        each=_each("reaped_overshoot_p99_ns"),
    ),
    Column(
        "added",
        "added p50",
        "Time added to the handshake as the kernel measures it, median; only where latencies are comparable",
        lambda line: line.latency("added_p50_ns"),
        duration,
        each=_each("added_p50_ns"),
    ),
    Column(
        "threads",
        "threads",
        "Highest number of threads of the client, sampled",
        lambda line: line.of("threads_peak"),
        lambda value: f"{value:,.0f}",
    ),
    Column("memory", "memory", "Highest resident memory of the client", lambda line: line.of("rss_peak_kib"), memory),
)

BAR = 56  # width of the longest bar, in px
SERVER_PERCENT = f"{100 * SERVER_BOUND:g} %"  # of a processor


def table_html(material):
    heads = [
        "<th scope=col data-key=connector aria-sort=none><button type=button>connector</button></th>",
        "<th scope=col data-key=load class=load aria-sort=none><button type=button>load</button></th>",
        # Before the figures: they count only where attempts ended as they should.
        "<th scope=col data-key=failed aria-sort=none><button type=button>outcome of every attempt</button></th>",
    ]
    heads += [
        f"<th scope=col data-key={column.identity} class=n aria-sort=none>"
        f'<button type=button title="{escape(column.explains)}">{escape(column.head)}</button></th>'
        for column in COLUMNS
    ]
    loads = list(material.by_load())
    number = {load: i for i, load in enumerate(loads)}
    highest = {load: max(map(_most, _real(lines))) for load, lines in material.by_load().items()}
    rows = "\n".join(_row(material, line, number[line.load], highest[line.load]) for line in material.lines)
    options = "".join(f"<option value={i}>{escape(material.label(load))}</option>" for i, load in enumerate(loads))
    return options, f"<thead><tr>{''.join(heads)}</tr></thead>\n<tbody>{rows}</tbody>"


def _most(line):
    """The highest rate of a repetition: as long as the longest bar."""
    return max(line.rates(), default=0)


def _real(lines):
    return [line for line in lines if not is_harness(line.connector)] or lines


def _row(material, line, load, highest):
    name = escape(line.connector)
    mark = " <abbr title='did not sustain the offered rate'>†</abbr>" if not line.sustained else ""
    mark += (
        f" <abbr title='the server used more than {SERVER_PERCENT} of a processor'>‡</abbr>"
        if line.server_bound()
        else ""
    )
    long, colour = " class=long" if len(line.connector) > 40 else "", material.number[line.connector]
    cells = [
        f'<th scope=row{long} data-v="{name}"><i class=key data-c={colour}></i>{name}{mark}</th>',
        f"<td class=load data-v={load}>{escape(material.label(line.load))}</td>",
    ]
    cells += [_outcome(line), *(_cell(column, line, highest) for column in COLUMNS)]
    return f"<tr data-load={load} data-c={colour}>{''.join(cells)}</tr>"


def _cell(column, line, highest):
    value = column.value(line)
    if value is None:
        return "<td class=n></td>"
    text = escape(column.text(value, honest_digits(column.each(line))) if column.each else column.text(value))
    if column.spread:
        text += f"<small>{escape(column.spread(line))}</small>"
    if column.spread and not is_harness(line.connector):
        text += _bar(value, line.rates(), highest)
    return f"<td class=n data-v={value:g}>{text}</td>"


def _bar(value, rates, highest):
    """A bar for the median, and on it a line for the range of the repetitions."""
    width, low, high = (BAR * one / highest if highest else 0 for one in (value, rates[0], rates[-1]))
    parts = f"<rect width={width:.1f} y=1 height=4 />"
    if high > low:
        parts += f"<line class=range x1={low:.1f} x2={high:.1f} y1=3 y2=3 />"
    return f"<svg class=bar width={BAR} height=6 aria-hidden=true>{parts}</svg>"


def _outcome(line):
    """Text, and a bar of three parts: connected, timed out, anything else."""
    total = line.attempts or 1
    connected, timed_out = line.outcomes["connected"], line.outcomes["deadline_exceeded"]
    parts, x = [], 0.0
    for kind, count in (("ok", connected), ("late", timed_out), ("bad", line.attempts - connected - timed_out)):
        width = 2 * BAR * count / total
        parts += [f"<rect class={kind} x={x:.1f} width={width:.1f} height=4 />"] if count else []
        x += width
    bar = f"<svg class=bar width={2 * BAR} height=4 aria-hidden=true>{''.join(parts)}</svg>"
    text = f"{escape(line.outcome_text())} <small>of {line.attempts:,}</small>"
    return f"<td class=outcome data-v={line.attempts - connected}>{text}{bar}</td>"
