"""One shard for each processor: how much faster is it, and what does the kernel's search for ports leave of that?"""

import os

from connbench_tools.study.chart import Bars
from connbench_tools.study.finished import bar, cpu, middle, rate
from connbench_tools.study.plan import Claim, Lacking, Source, Step, Study, Table
from connbench_tools.study.verdicts import at_least, ratio_text, verdict_of
from connbench_tools.units import significant

SEASTAR = Source("Seastar", "Shared-nothing Design", None)
DUMAZET = Source("Eric Dumazet, Linux", "tcp: scale connect() under pressure", 2025)
MOST = min(8, len(os.sched_getaffinity(0)))
SHARDS = [number for number in (1, 2, 4, 8) if number <= MOST]
ENOUGH = 0.8  # of what N processors could make at best
KEPT = 0.6  # of the gain with free ports: from there on the search for a port leaves the gain
LOADS = {"free": "ports are plenty", "scarce": "one destination, ports run short"}


def rates(records, load, shards):
    return records.figures(f"{load}-{shards}", rate)


def require_processors():
    if MOST < 2:
        raise Lacking("this process may use one processor")


def gain(records, load, shards):
    """{round: how many times the rate of one shard}"""
    ours, one = rates(records, load, shards), rates(records, load, 1)
    return {place: ours[place] / one[place] for place in ours.keys() & one.keys() if one[place]}


def scales(records):
    require_processors()
    answers = {}
    for shards in SHARDS[1:]:
        answers[f"{shards} shards"] = at_least(
            rates(records, "free", shards), rates(records, "free", 1), ENOUGH * shards
        )
    return verdict_of(answers, "the number of shards")


def scales_while_searching(records):
    require_processors()
    answers = {}
    for shards in SHARDS[1:]:
        answers[f"{shards} shards"] = at_least(gain(records, "scarce", shards), gain(records, "free", shards), KEPT)
    return verdict_of(answers, "the number of shards")


def table(records):
    lines = []
    for load, title in LOADS.items():
        for shards in SHARDS:
            ours, one = rates(records, load, shards), rates(records, load, 1)
            costs = significant(middle(records.figures(f"{load}-{shards}", cpu)) / 1e3)
            lines.append([title, f"{shards}", f"{significant(middle(ours))}/s", ratio_text(ours, one), costs])
    return Table(("load", "shards", "connects", "against one shard", "CPU µs each"), lines)


def chart(records):
    bars = []
    for load, title in LOADS.items():
        for shards in SHARDS:
            bars.append(bar(f"{shards} shards, {title}", rates(records, load, shards)))
    return Bars("Connects per second", "per s", bars)


def steps():
    for shards in SHARDS:
        yield Step(
            f"free-{shards}",
            (
                f"run --connector epoll --target accepting --shards {shards} --concurrency 256 --attempts 12000"
                " --repetitions 1"
            ),
            rounds=12,
            quick_rounds=5,
        )
    for shards in SHARDS:  # each in a network of its own, or the connections of another run would occupy ports
        yield Step(
            f"scarce-{shards}",
            (
                f"run --connector epoll+close:fin --target accepting --addresses 1 --shards {shards} --concurrency 256 "
                "--attempts 10000 --repetitions 1 --wave-limit 30s --sysctl net.ipv4.tcp_tw_reuse=0 "
                "--sysctl 'net.ipv4.ip_local_port_range=20000 35999'"
            ),
            rounds=12,
            quick_rounds=2,
        )


STUDY = Study(
    question="Do N shards on N processors connect N times as fast?",
    claims=(
        Claim(
            f"Programs without shared state scale with the processors: N shards make at least {ENOUGH} N",
            SEASTAR,
            scales,
            needs_quiet=True,
        ),
        Claim(
            "The kernel's search for a port scales as well: when ports run short, shards keep most of their gain",
            DUMAZET,
            scales_while_searching,
            needs_quiet=True,
        ),
    ),
    steps=tuple(steps()),
    table=table,
    chart=chart,
    limits=(
        (
            "The server runs on the same processors, and the kernel's work for a connection on loopback is done by who"
            " connects. With few processors the server takes its share of what shards could gain."
        ),
    ),
)
