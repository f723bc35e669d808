"""Multipath TCP towards servers that do not speak it."""

from connbench_tools.study.chart import Bars
from connbench_tools.study.finished import bar, cpu, middle, rate
from connbench_tools.study.plan import Claim, Source, Step, Study, Table
from connbench_tools.study.verdicts import equal, mostly, ratio_text, verdict_of
from connbench_tools.units import significant

RFC = Source(
    "A. Ford and others, IETF (RFC 8684)", "TCP Extensions for Multipath Operation with Multiple Addresses", 2020
)
PLAIN, MULTI = "epoll", "epoll+protocol:mptcp"
ALIKE = 1.1  # times: up to here the cost counts as the same


def falls_back(records):
    counts = records.counts("near", connector=MULTI)
    return verdict_of({"connected": mostly(counts["connected"], counts["attempts"])}, "")


def costs_alike(records):
    ours, theirs = (records.figures("near", cpu, connector=name) for name in (MULTI, PLAIN))
    return verdict_of({"CPU time": equal(ours, theirs, ALIKE)}, "")


def table(records):
    base, lines = records.figures("near", cpu, connector=PLAIN), []
    for name in records.connectors("near"):
        rates, costs = (records.figures("near", figure, connector=name) for figure in (rate, cpu))
        figures = [f"{significant(middle(rates))}/s", significant(middle(costs) / 1e3), ratio_text(costs, base)]
        lines.append([f"`{name}`", *figures])
    return Table(("connector", "connects", "CPU µs each", "CPU, against TCP"), lines)


def chart(records):
    bars = []
    for name in records.connectors("near"):
        bars.append(bar(name, records.figures("near", cpu, connector=name)))
    return Bars("CPU time of a connect to a server without MPTCP", "ns", bars)


STUDY = Study(
    question="Does Multipath TCP fall back to TCP, and what does that cost a connect?",
    claims=(
        Claim("A connect to a server without MPTCP falls back to TCP and succeeds", RFC, falls_back),
        Claim("Tested here: that costs a client as much CPU time as TCP does (within a tenth)", RFC, costs_alike),
    ),
    steps=(
        Step(
            "near",
            f"run --connector {PLAIN},{MULTI} --target accepting --concurrency 64 --attempts 4000 --repetitions 12",
            {"--attempts": "500", "--repetitions": "5"},
        ),
    ),
    table=table,
    chart=chart,
    limits=("One path only: what several paths give is not measured.",),
)
