"""The experiments. Each is a question, the runs of connbench that answer it, and how their records become a table."""

from collections import namedtuple
from itertools import combinations
from random import Random

from ..records.repetitions import differ, number, ratio
from ..records.waves import median
from ..table.cells import Column, microseconds, relation, table_text
from ..units import exact_duration
from . import grid, source
from .grid import CPU, IN_FLIGHT, RATE, SERVER, Grid

# `runs`: arguments of connbench run, one text per run. `table`: makes the Markdown of the finished runs.
Experiment = namedtuple("Experiment", "name question runs table")

# Names for the same thing: every option has its default value.
SAME = {
    "epoll": ("", "+wait:timerfd", "+detect:so_error", "+source-port:kernel", "+close:rst", "+wait:timerfd+close:rst"),
    "blocking-threads": ("", "+stack:64KiB", "+source-port:kernel", "+close:rst", "+stack:64KiB+close:rst"),
}
FAR = "delayed:20ms"


def names_of(connector):
    return [connector + options for options in SAME[connector]]


def noise(runs):
    """Rows that are the same under other names: how far apart they seem, and how many would be told apart."""
    heads = ["figure", "pairs", "medians apart by up to", "ratios of one repetition", "told apart"]
    lines = []
    for title, figure_of, *_ in (RATE, CPU):
        figures = Grid(runs[0]).figures(figure_of)
        pairs = [pair for name in SAME for pair in combinations(names_of(name), 2)]
        found = [(figures[one], figures[other]) for one, other in pairs]
        apart = [median(one.values()) / median(other.values()) for one, other in found]
        ratios = [ratio(one, other) for one, other in found]
        least, greatest = min(one.least for one in ratios), max(one.greatest for one in ratios)
        told = sum(differ(one, other) is True for one, other in found)
        most = max(max(one, 1 / one) for one in apart)
        lines.append([title, str(len(pairs)), f"{100 * (most - 1):.0f} %", f"{least:.2f}–{greatest:.2f}", str(told)])
    return table_text(heads, lines)


def distance(runs):
    grids = [Grid(runs[0], only=lambda row, name=name: row["target"] == name) for name in ("accepting", FAR)]
    titles = ("On loopback:", "20 ms away:")
    return "\n\n".join(
        f"{title}\n\n{part.table([RATE], more=[('in flight', _in_flight)])}" for title, part in zip(titles, grids)
    )


def _in_flight(rows):
    return grid.known(median(row["in_flight_mean"] for row in rows), grid.figure)


def stack(runs):
    calls = [
        (f"`{name}` per attempt", lambda rows, name=name: grid.calls_of(runs[0], rows[0]["connector"], name))
        for name in ("mmap", "munmap", "madvise")
    ]
    grids = [Grid(runs[0], only=lambda row, name=name: row["connector"].startswith(name)) for name in STACKS]
    return "\n\n".join(part.table([RATE, CPU], more=calls) for part in grids)


STACKS = ("blocking-threads", "null-threads", "blocking-pool")


def cpu_shares(runs):
    cases = Grid(runs[0], key=lambda row: f"{row['connector']}` on `{row['target']}, {row['family']}")
    shares = [("softirq µs, client's processors", grid.softirq)]
    return cases.table([CPU, SERVER], head="connector, target, family", against_first=False, more=shares)


def closing(runs):
    pairs = []
    for name in CLOSED:
        part = Grid(runs[0], only=lambda row, name=name: row["connector"].startswith(name + "+"))
        pairs.append(part.table([RATE, CPU], more=[("softirq µs", grid.softirq)]))
    return "\n\n".join(pairs)


def ports(runs):
    """How long connecting takes as TIME_WAIT fills the ports of an address: tenths of a wave against its first one."""
    heads, columns = ["ports of the address in TIME_WAIT"], []
    for place, title in enumerate(PORT_REUSE.values()):
        tenths = _tenths(runs[place :: len(PORT_REUSE)])
        column = Column(tenths, microseconds, min)
        column.places = {}
        heads += [f"{title}: connecting, p50, µs", "ratio to the first row"]
        columns.append((column, tenths))
    lines = []
    for tenth in TENTHS:
        first, last = (100 * PORT_ATTEMPTS * end / 10 / PORTS for end in (tenth - 1, tenth))
        lines.append([f"{first:.0f}–{last:.0f} %"])
        for column, tenths in columns:
            lines[-1] += [column.cell(tenth), relation(tenths[tenth], tenths[1]) if tenth > 1 else "-"]
    return table_text(heads, lines)


def _tenths(runs):
    """{tenth of the wave: {place of the run: p50 of connecting}}"""
    from ..records.samples import waves_of  # needs numpy, which the other experiments do not

    tenths = {tenth: {} for tenth in TENTHS}
    for place, run in enumerate(runs, 1):
        (wave,) = waves_of(run).values()
        times = wave.connecting()
        size = len(times) // 10
        for tenth, figures in tenths.items():
            figures[place] = median(times[size * (tenth - 1) : size * tenth])
    return tenths


# net.ipv4.tcp_tw_reuse: 2 is the default and lets loopback, and nobody else, use a port again after a second.
PORT_REUSE = {0: "as to another host", 2: "as on loopback"}
PORTS = 60_999 - 32_768 + 1  # net.ipv4.ip_local_port_range of a new network
PORT_ATTEMPTS = 18_000
TENTHS = (1, 5, 7, 8, 9, 10)


CLOSED = ("blocking-threads", "poll-pool", "epoll", "io-uring")


def hand_over(runs):
    grids = [(size, Grid(runs[0], only=lambda row, size=size: row["concurrency"] == size)) for size in ("1", "256")]
    return "\n\n".join(
        f"{size} in flight:\n\n{part.table([CPU, IN_FLIGHT], against_first=False, more=[('switches', grid.switches)])}"
        for size, part in grids
    )


def arrivals(runs):
    """Lateness by how arrivals and timeouts relate: in step, out of step, and at random."""
    uniform, poisson = runs
    heads, columns = ["connector"], []
    for run, kind in ((uniform, "uniform"), (poisson, "Poisson")):
        for timeout in sorted({int(row["timeout_ns"]) for row in run.rows}):
            part = Grid(run, only=lambda row, timeout=timeout: int(row["timeout_ns"]) == timeout)
            heads.append(f"{kind}, {exact_duration(timeout)}: p50, µs")
            columns.append(Column(part.figures(number("overshoot_p50_ns")), microseconds, min))
    for column in columns:
        column.places = {}
    names = uniform.connectors_in_order()
    return table_text(heads, [[f"`{name}`", *(column.cell(name) for column in columns)] for name in names])


def batches(runs):
    late = grid.percentile("overshoot_p50_ns", "given up, p50, µs"), grid.percentile("overshoot_p99_ns", "p99, µs")
    reaped = grid.percentile("reaped_overshoot_p50_ns", "reaped, p50, µs")
    return Grid(runs[0]).table([*late, reaped], against_first=False)


def pace(runs):
    """How long one connect to loopback takes by the rate of arrivals, and by who sleeps between them."""
    found = {case: {} for case in PACES}
    for place, (case, run) in enumerate(zip(_shuffled_paces(), runs)):
        found[case][place // len(PACES)] = number("p50_ns")(run.rows[0])
    column = Column(found, microseconds, min)
    column.places = {}
    first = next(iter(found.values()))
    heads = ["arrivals", "who sleeps", "connecting, p50, µs", "ratio to the first row"]
    lines = [
        [
            case[0] or "closed loop",
            ASLEEP[case[1]],
            column.cell(case),
            "-" if figures is first else relation(figures, first),
        ]
        for case, figures in found.items()
    ]
    return table_text(heads, lines)


# The flags, and who then sleeps between attempts. --spin stops sleeping a millisecond before an attempt is due.
ASLEEP = {
    "": "client and server",
    "--spin-server": "client",
    "--spin": "server; client only until 1 ms before",
    "--spin --spin-server": "client only until 1 ms before",
}
PACES = [
    ("", ""),
    ("", "--spin-server"),
    ("10000/s", ""),
    *((rate, spin) for rate in ("3000/s", "500/s") for spin in ASLEEP),
]
PACE_REPETITIONS = 8


def _shuffled_paces():
    """The cases of all repetitions, in a random order within each; the same in every call, to find the runs again."""
    order = Random(7)
    return [case for _ in range(PACE_REPETITIONS) for case in order.sample(PACES, len(PACES))]


TIMED = "select,poll,epoll,io-uring,poll-threads,libuv,libevent"
LATE = "--target blackhole --concurrency 128 --attempts 384 --repetitions 5 --syscalls off"

EXPERIMENTS = [
    Experiment(
        "noise",
        "How far apart do equal rows seem, and how many does the rule of the tables tell apart?",
        [
            f"--connector {','.join(names_of('epoll') + names_of('blocking-threads'))} --target accepting "
            "--concurrency 256 --attempts 1000 --repetitions 12 --syscalls off"
        ],
        noise,
    ),
    Experiment(
        "distance",
        "Is the order of connectors on loopback that to a host 20 ms away?",
        [
            "--connector epoll,io-uring,blocking-threads,blocking-pool,blocking-pool+threads:256 "
            f"--target accepting,{FAR} --concurrency 128 --attempts 1024 --repetitions 12 --syscalls off"
        ],
        distance,
    ),
    Experiment(
        "stack",
        "What does the size of a thread's stack cost?",
        [
            "--connector "
            + ",".join(f"{name}+stack:{size}" for name in STACKS for size in ("64KiB", "1MiB", "8MiB"))
            + " --target accepting --concurrency 256 --attempts 2000 --repetitions 12"
        ],
        stack,
    ),
    Experiment(
        "cpu",
        "Whose work is the CPU time of the client?",
        [
            f"--connector epoll,blocking-pool --target accepting,refusing,{FAR} --family 4,unix --concurrency 256 "
            "--attempts 8000 --repetitions 5 --syscalls off"
        ],
        cpu_shares,
    ),
    Experiment(
        "hand-over",
        "What do threads cost before they make a system call?",
        [
            "--connector null,null-pool,null-threads,poll-pool,poll-threads --target accepting --concurrency 1,256 "
            "--attempts 2000 --repetitions 12 --syscalls off"
        ],
        hand_over,
    ),
    Experiment(
        "arrivals",
        "What if every deadline coincides with an arrival?",
        [
            f"--connector {TIMED} --arrival uniform:1000/s --timeout 10ms,10500us {LATE}",
            f"--connector {TIMED} --arrival poisson:1000/s --timeout 10ms {LATE}",
        ],
        arrivals,
    ),
    Experiment(
        "pace",
        "Why does one connect to loopback take longer at a lower rate?",
        [
            "--connector blocking --target accepting --concurrency 1 --attempts 400 --repetitions 1 --syscalls off "
            + (f"--arrival poisson:{rate} {spin}" if rate else spin)
            for rate, spin in _shuffled_paces()
        ],
        pace,
    ),
    Experiment(
        "batches",
        "When is an attempt given up, and when does the caller know?",
        [f"--connector select,poll,epoll,io-uring,asio,libuv,poll-threads --timeout 50ms {LATE}"],
        batches,
    ),
    # The last ones: connections in TIME_WAIT end a minute later, in the middle of whatever is measured then.
    Experiment(
        "close",
        "What does closing with RST hide?",
        [
            "--connector "
            + ",".join(f"{name}+close:{how}" for name in CLOSED for how in ("rst", "fin"))
            + " --target accepting --concurrency 256 --attempts 2000 --repetitions 12 --syscalls off"
        ],
        closing,
    ),
    Experiment(
        "ports",
        "How much longer does the search for a port take when connections in TIME_WAIT occupy ports?",
        # Each run has a network of its own.
        [
            f"--connector epoll+close:fin --target accepting --concurrency 1 --attempts {PORT_ATTEMPTS} --addresses 1 "
            f"--repetitions 1 --syscalls off --samples all --sysctl net.ipv4.tcp_tw_reuse={reuse}"
            for _ in range(8)
            for reuse in PORT_REUSE
        ],
        ports,
    ),
    Experiment(
        "source",
        "How long does connecting take as ever more connections to one host are held, by how the source is chosen?",
        source.RUNS,
        source.table,
    ),
]
