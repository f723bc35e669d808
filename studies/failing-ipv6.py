"""1.4 % of the hosts do not answer. Does anybody notice?"""

from connbench_tools.study.chart import Bars
from connbench_tools.study.finished import bar, middle, rate
from connbench_tools.study.plan import Claim, Source, Step, Study, Table
from connbench_tools.study.verdicts import at_most, ratio_text, verdict_of
from connbench_tools.units import duration, significant

HUSTON = Source("Geoff Huston, APNIC", "IPv6 Reliability Measurements (RIPE 78)", 2019)
POOL, LOOP = "poll-pool+threads:16", "epoll"
TITLES = {POOL: "a pool of 16 threads", LOOP: "a loop"}
WHOLE, FAILING = "fleet:accepting=100:poisson:2000/s", "fleet:accepting=98.6,blackhole=1.4:poisson:2000/s"
UNNOTICED = 2  # times the response time without dead hosts


def response(records, connector, scenario, rank="p90"):
    """How long a healthy host takes from when it was due."""
    figure = f"response_{rank}_ns"
    return records.responses("fleet", figure, connector=connector, scenario=scenario, target="accepting")


def hardly_matters(records):
    answers = {}
    for connector, title in TITLES.items():
        ours, without = response(records, connector, FAILING), response(records, connector, WHOLE)
        answers[title] = at_most(ours, without, UNNOTICED)
    return verdict_of(answers, "who waits")


def _time(figures):
    return "never" if middle(figures) == float("inf") else duration(middle(figures))


def table(records):
    lines = []
    for connector, title in TITLES.items():
        for scenario, dead in ((WHOLE, "0 %"), (FAILING, "1.4 %")):
            ours = response(records, connector, scenario)
            which = {"connector": connector, "scenario": scenario, "target": "accepting"}
            rates = significant(middle(records.figures("fleet", rate, **which)))
            change = ratio_text(ours, response(records, connector, WHOLE)) if scenario == FAILING else "-"
            ranks = [_time(response(records, connector, scenario, rank)) for rank in ("p50", "p90", "p99")]
            lines.append([f"`{connector}`, {title}", dead, rates, *ranks, change])
    heads = ("who waits", "dead hosts", "healthy per second", "response p50", "p90", "p99", "p90, against none dead")
    return Table(heads, lines)


def chart(records):
    bars = []
    for connector, title in TITLES.items():
        for scenario, dead in ((WHOLE, "none dead"), (FAILING, "1.4 % dead")):
            times = response(records, connector, scenario)
            if float("inf") not in times.values():
                bars.append(bar(f"{title}, {dead}", times))
    return Bars("Response time of healthy hosts, p90", "ns", bars, log=True)


STUDY = Study(
    question="What do 1.4 % of hosts that do not answer cost the others?",
    claims=(
        Claim(
            (
                "1.4 % of IPv6 connections fail. Tested here: so small a share hardly matters to the hosts that answer"
                " (their response time at p90 stays within twice what it was)"
            ),
            HUSTON,
            hardly_matters,
        ),
    ),
    steps=(
        Step(
            "fleet",
            (
                f"run --connector {POOL},{LOOP} --mix accepting=100 --mix accepting=98.6,blackhole=1.4 --arrival"
                " poisson:2000/s --concurrency 256 --attempts 4000 --timeout 1s --wave-limit 10s --repetitions 5"
            ),
            {"--attempts": "2000", "--repetitions": "1"},
        ),
    ),
    table=table,
    chart=chart,
    limits=(
        "The publication measured how often IPv6 connections fail, not what that costs: the second half is ours.",
        (
            "With 2,000 attempts per second and a timeout of 1 s, 28 attempts at dead hosts are pending: more than the"
            " pool has threads. At a lower rate, or with a shorter timeout, it has room."
        ),
    ),
)
