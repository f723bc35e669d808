"""TCP Fast Open: when does connect() return?"""

from connbench_tools.study.chart import Bars
from connbench_tools.study.finished import bar, middle, p50
from connbench_tools.study.plan import Claim, Source, Step, Study, Table
from connbench_tools.study.verdicts import at_most, ratio_text, verdict_of
from connbench_tools.units import duration

RFC = Source("Y. Cheng and others, IETF (RFC 7413)", "TCP Fast Open", 2014)
PLAIN, FAST = "epoll", "epoll+fastopen:on"
SAVED = 0.5  # of the time of a usual connect: up to here a round trip counts as saved


def saves_a_round_trip(records):
    ours, theirs = (records.figures("far", p50, connector=name) for name in (FAST, PLAIN))
    return verdict_of({"time until connected": at_most(ours, theirs, SAVED)}, "")


def table(records):
    base, lines = records.figures("far", p50, connector=PLAIN), []
    for name in records.connectors("far"):
        times = records.figures("far", p50, connector=name)
        lines.append([f"`{name}`", duration(middle(times)), ratio_text(times, base)])
    return Table(("connector", "connected after, p50", "against the usual way"), lines)


def chart(records):
    bars = []
    for name in records.connectors("far"):
        bars.append(bar(name, records.figures("far", p50, connector=name)))
    return Bars("Time to connect to a host 20 ms away", "ns", bars)


STUDY = Study(
    question="Does TCP Fast Open save a round trip?",
    claims=(Claim("With a cookie, a connection is usable a round trip earlier", RFC, saves_a_round_trip),),
    steps=(
        Step(
            "far",
            (
                f"run --connector {PLAIN},{FAST} --target fastopen:20ms --concurrency 8 --attempts 200 --repetitions 5 "
                "--handshake off"
            ),
            {"--attempts": "40", "--repetitions": "5"},
        ),
    ),
    table=table,
    chart=chart,
    limits=(
        (
            "connect() returns before any SYN has left. That the host answers is known only later: usable is not"
            " connected."
        ),
    ),
)
