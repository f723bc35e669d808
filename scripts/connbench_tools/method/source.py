"""How long connecting takes as ever more connections to one destination are held, by how the source is chosen."""

import csv
from collections import defaultdict

from ..records.waves import median
from ..table.cells import Column, microseconds, relation, table_text

# Each of them in runs of their own, because held connections end in TIME_WAIT.
CHOICES = (
    "+source-port:kernel",
    "+source-port:bind",
    "+source-port:range",
    "+source-address:127.0.0.2..127.0.0.5",
)
PORTS = (8_000, 65_535)
MOST_HELD = 56_000
HELD = (1_000, 10_000, 20_000, 28_000, 35_000, 45_000, 50_000, 56_000)
AROUND = 500  # attempts, up to that many held connections
SHARDS = 4  # each has a table of descriptors of its own
REPETITIONS = 3

RUNS = [
    f"--connector epoll{choice}+close:hold --target accepting --addresses 1 --attempts {MOST_HELD} --shards {SHARDS} "
    f"--concurrency {SHARDS} --repetitions 1 --syscalls off --samples all --local-port --timeout 10s "
    f"--sysctl 'net.ipv4.ip_local_port_range={PORTS[0]} {PORTS[1]}'"
    for _ in range(REPETITIONS)
    for choice in CHOICES
]


def table(runs):
    """Two tables: connecting, and the share of odd ports, which shows in which order the kernel looks at them."""
    times, odd = _figures(runs, _connecting), _figures(runs, _odd)
    heads = ["connections held", *(f"`{choice}`: connecting, p50, µs" for choice in CHOICES)]
    columns = []
    for choice in CHOICES:
        column = Column(times[choice], microseconds, min)
        column.places = {}
        columns.append((column, times[choice]))
    lines = []
    for held in HELD:
        cells = [f"{column.cell(held)} ({relation(found[held], found[HELD[0]])})" for column, found in columns]
        lines.append([f"{held:,}", *cells])
    shares = [[f"{held:,}", *(_share(odd[choice][held]) for choice in CHOICES)] for held in HELD]
    odd_heads = ["connections held", *(f"`{choice}`: odd ports" for choice in CHOICES)]
    return f"{table_text(heads, lines)}\n\n{table_text(odd_heads, shares)}"


def _figures(runs, figure_of):
    """{choice: {held: {place of the run: figure}}}"""
    found = {choice: defaultdict(dict) for choice in CHOICES}
    for place, run in enumerate(runs):
        attempts = _connected(run)
        for held in HELD:
            last = attempts[max(0, held - AROUND) : held]
            if last:
                found[CHOICES[place % len(CHOICES)]][held][place // len(CHOICES)] = figure_of(last)
    return found


def _connected(run):
    """(how long connecting took in ns, local port), in the order in which the connections were made."""
    with open(run.samples_file(), newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["outcome"] == "connected"]
    rows.sort(key=lambda row: int(row["finished_ns"]))
    return [(int(row["finished_ns"]) - int(row["started_ns"]), int(row["local_port"])) for row in rows]


def _connecting(attempts):
    return median([time for time, _ in attempts])


def _odd(attempts):
    return sum(port % 2 for _, port in attempts) / len(attempts)


def _share(by_run):
    return f"{100 * median(by_run.values()):.0f} %" if by_run else "-"
