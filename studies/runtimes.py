"""Goroutines, virtual threads, tasks and promises, next to threads and a loop."""

from connbench_tools.study.chart import Bars
from connbench_tools.study.finished import bar, cpu, memory_kib, middle, rate, threads
from connbench_tools.study.plan import Claim, Source, Step, Study, Table
from connbench_tools.study.verdicts import at_least, ratio_text, verdict_of
from connbench_tools.units import memory, significant

JEP = Source("Ron Pressler, Alan Bateman, OpenJDK", "JEP 444: Virtual Threads", 2023)
LOOP = "epoll"
WAYS = {
    LOOP: "a loop of system calls",
    "blocking-threads": "a thread per attempt",
    "go-dialer": "goroutines",
    "java-threads": "Java's threads",
    "java-virtual-threads": "Java's virtual threads",
    "tokio": "Rust's tasks",
    "node": "promises and callbacks",
    "asyncio": "Python's tasks",
}
LIGHT = ("go-dialer", "java-virtual-threads", "tokio")
PLACES = {"near": "on loopback", "far": "20 ms away"}
MORE = 1.1  # times: from here on it counts as more throughput
AS_WELL = 0.8  # of the loop's rate


def more_throughput(records):
    answers = {}
    for place, title in PLACES.items():
        light, heavy = (
            records.figures(place, rate, connector=f"java-{kind}") for kind in ("virtual-threads", "threads")
        )
        answers[title] = at_least(light, heavy, MORE)
    return verdict_of(answers, "the distance")


def near_optimal(records):
    answers = {}
    for place, title in PLACES.items():
        loop = records.figures(place, rate, connector=LOOP)
        for connector in LIGHT:
            if connector in records.connectors(place):
                ours = records.figures(place, rate, connector=connector)
                answers[f"{WAYS[connector]} {title}"] = at_least(ours, loop, AS_WELL)
    return verdict_of(answers, "the runtime and the distance")


def table(records):
    lines = []
    for place, title in PLACES.items():
        loop = records.figures(place, rate, connector=LOOP)
        for connector in records.connectors(place):
            which = {"connector": connector}
            rates = records.figures(place, rate, **which)
            costs, kib, many = (
                middle(records.figures(place, figure, **which)) for figure in (cpu, memory_kib, threads)
            )
            figures = [f"{significant(middle(rates))}/s", ratio_text(rates, loop), significant(costs / 1e3)]
            lines.append([f"`{connector}`", f"{WAYS[connector]}, {title}", *figures, memory(kib), f"{many:.0f}"])
    heads = ("connector", "what waits, where", "connects", "against the loop", "CPU µs each", "memory", "threads")
    return Table(heads, lines)


def chart(records):
    bars = []
    for place, title in PLACES.items():
        for connector in records.connectors(place):
            bars.append(bar(f"{connector}, {title}", records.figures(place, rate, connector=connector)))
    return Bars("Connects per second, 256 in flight", "per s", bars)


def step(place, target):
    return Step(
        place,
        (
            f"run --connector {','.join(WAYS)} --target {target} --concurrency 256 --attempts 2048 --repetitions 5 "
            "--handshake off"
        ),
        {"--attempts": "512", "--repetitions": "5"},
    )


STUDY = Study(
    question="Do lightweight threads and tasks connect as well as threads and loops?",
    claims=(
        Claim(
            "Virtual threads give more throughput than platform threads when many wait",
            JEP,
            more_throughput,
            needs_quiet=True,
        ),
        Claim(
            (
                "A lightweight thread for each attempt makes near-optimal use of the machine (here: at least 0.8 of the"
                " rate of a loop of system calls)"
            ),
            JEP,
            near_optimal,
            needs_quiet=True,
        ),
    ),
    steps=(step("near", "accepting"), step("far", "delayed:20ms")),
    table=table,
    chart=chart,
    limits=(
        (
            "Each runtime is used as its documentation recommends, with no further tuning (docs/runtimes.md). Starting"
            " it is not measured; its memory is."
        ),
        "A program warms up before it is measured, so that a JIT compiler has run, but not for minutes.",
    ),
)
