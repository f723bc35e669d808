"""io_uring and epoll: many connects per system call, and one at a time."""

from connbench_tools.study.chart import Bars
from connbench_tools.study.finished import bar, cpu, middle, rate
from connbench_tools.study.plan import Claim, Source, Step, Study, Table
from connbench_tools.study.verdicts import Answer, at_least, ratio_text, verdict_of
from connbench_tools.units import significant

AXBOE = Source("Jens Axboe", "Efficient IO with io_uring", 2019)
RING, LOOP = "io-uring", "epoll"
SET_UPS = ("+deadline:link", "+setup:plain", "+setup:coop", "+setup:defer", "+setup:sqpoll", "+poll:multishot")
LOADS = {"batched": "256 in flight", "single": "one at a time"}
FEWER = 0.2  # of epoll's system calls
FASTER = 1.1  # times


def fewer_calls(records):
    answers = {}
    for step, title in LOADS.items():
        ours, theirs = (sum(records.calls(step, name).values()) for name in (RING, LOOP))
        # Counted, not sampled, in a wave of its own.
        answers[title] = Answer(ours <= FEWER * theirs, f"{ours:.2g} calls per attempt against {theirs:.2g}")
    return verdict_of(answers, "whether requests come in batches")


def faster(records):
    answers = {}
    for step, title in LOADS.items():
        ours, theirs = (records.figures(step, rate, connector=name) for name in (RING, LOOP))
        answers[title] = at_least(ours, theirs, FASTER)
    return verdict_of(answers, "whether requests come in batches")


def table(records):
    lines = []
    for step, title in LOADS.items():
        base = records.figures(step, rate, connector=LOOP)
        for name in records.connectors(step):
            ours, costs = (records.figures(step, figure, connector=name) for figure in (rate, cpu))
            calls = f"{sum(records.calls(step, name).values()):.2g}"
            figures = [
                f"{significant(middle(ours))}/s",
                ratio_text(ours, base),
                significant(middle(costs) / 1e3),
                calls,
            ]
            lines.append([f"`{name}`", title, *figures])
    heads = ("connector", "load", "connects", "against epoll", "CPU µs each", "system calls each")
    return Table(heads, lines)


def chart(records):
    bars = []
    for step, title in LOADS.items():
        for name in records.connectors(step):
            bars.append(bar(f"{name}, {title}", records.figures(step, rate, connector=name)))
    return Bars("Connects per second on loopback", "per s", bars)


def step(name, load):
    names = ",".join([LOOP, RING, *(RING + option for option in SET_UPS)])
    return Step(
        name,
        f"run --connector {names} --target accepting {load} --repetitions 12 --syscalls on",
        {"--attempts": "200" if name == "single" else "1000", "--repetitions": "5"},
    )


STUDY = Study(
    question="Does io_uring connect with fewer system calls than epoll, and faster?",
    claims=(
        Claim("Submitting requests in batches takes far fewer system calls", AXBOE, fewer_calls),
        Claim("That makes it faster", AXBOE, faster),
    ),
    steps=(step("batched", "--concurrency 256 --attempts 4000"), step("single", "--concurrency 1 --attempts 800")),
    table=table,
    chart=chart,
    limits=(
        "The publication is about storage; that the same holds for connect() is what is tested.",
        "What the kernel's own threads do for a ring (sqpoll) is not in the process's system calls.",
    ),
)
