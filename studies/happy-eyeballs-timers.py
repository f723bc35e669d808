"""How long a client waits for the first address of a host before it tries the second one."""

from connbench_tools.study.chart import Bars
from connbench_tools.study.finished import bar, middle, p50, share_of
from connbench_tools.study.plan import Claim, Lacking, Source, Step, Study, Table
from connbench_tools.study.verdicts import against, equal, verdict_of
from connbench_tools.units import duration, exact_duration

RFC = Source("D. Schinazi, T. Pauly, IETF (RFC 8305)", "Happy Eyeballs Version 2", 2017)
NODE = Source("Node.js", "net: increase network family autoselection timeout to 500ms", 2025)
MS = 1e6
# What waits how long, by its documentation.
TIMERS = {
    "happy-eyeballs+stagger:250ms": (250, "RFC 8305"),
    "happy-eyeballs+stagger:200ms": (200, "libcurl's default"),
    "happy-eyeballs+stagger:300ms": (300, "Go's and Chromium's default"),
    "libcurl": (200, "libcurl itself"),
    "go-dialer": (300, "Go itself"),
    "node": (250, "Node.js itself"),
}
ABORTING, RACING = "sequential+each:250ms", "happy-eyeballs+stagger:250ms"
DISTANT = {RACING: 300, ABORTING: 550, "node": 550}  # ms
ALIKE = 1.1  # times: up to here a wait counts as the documented one


def costs_the_timer(records):
    answers = {}
    for connector, (timer, whose) in TIMERS.items():
        if connector in records.connectors("dead") and reached(records, connector):
            times = records.figures("dead", p50, connector=connector)
            answers[f"{whose}, {timer} ms ({duration(middle(times))})"] = equal(
                times, against(times, timer * MS), ALIKE
            )
    return verdict_of(answers, "the client")


def reached(records, connector):
    return middle(records.figures("dead", share_of("connected"), connector=connector)) > 0


def aborted_is_lost(records):
    """Both addresses are 300 ms away. Who goes on has the first one then; who aborts it, the second one at 550 ms."""
    answers = {}
    for connector, took in DISTANT.items():
        if connector in records.connectors("distant"):
            times = records.figures("distant", p50, connector=connector)
            answers[f"`{connector}`, {took} ms ({duration(middle(times))})"] = equal(
                times, against(times, took * MS), ALIKE
            )
    return verdict_of(answers, "the client")


def slow_first(records):
    """The second address wins after the timer, though the first would have answered later."""
    times = records.figures("slow", p50, connector="happy-eyeballs+stagger:250ms")
    return verdict_of({duration(middle(times)): equal(times, against(times, 270 * MS), ALIKE)}, "")


def table(records):
    lines = []
    for connector in records.connectors("dead"):
        counts = records.counts("dead", connector=connector)
        timer = TIMERS.get(connector, (0, ""))
        shown = exact_duration(int(timer[0] * MS)) if timer[0] else "-"
        took = duration(middle(records.figures("dead", p50, connector=connector))) if counts["connected"] > 5 else "-"
        lines.append([f"`{connector}`", "first dead", shown, took, f"{counts['connected']} of {counts['attempts']}"])
    for step, where in (("slow", "400 ms and 20 ms away"), ("distant", "both 300 ms away")):
        for connector in records.connectors(step) if records.has(step) else ():
            counts, took = records.counts(step, connector=connector), records.figures(step, p50, connector=connector)
            reached_by = f"{counts['connected']} of {counts['attempts']}"
            lines.append([f"`{connector}`", where, "250 ms", duration(middle(took)), reached_by])
    return Table(("connector", "addresses", "timer", "connected after, p50", "reached"), lines)


def chart(records):
    bars = []
    for connector in records.connectors("dead"):
        if reached(records, connector):
            bars.append(bar(connector, records.figures("dead", p50, connector=connector)))
    if not bars:
        raise Lacking("nothing connected")
    return Bars("Time to connect when the first address of a host is dead", "ns", bars)


STUDY = Study(
    question="What does a dead or distant first address cost, by the timer of the client?",
    claims=(
        Claim(
            "A dead first address costs the timer: 250 ms (RFC 8305), 200 ms (libcurl), 300 ms (Go)",
            RFC,
            costs_the_timer,
        ),
        Claim("A slow first address costs the timer and the second address's round trip, 250 + 20 ms", RFC, slow_first),
        Claim(
            "A try that is aborted after 250 ms never reaches a host further away: only the last address, which is not"
            " aborted, still does",
            NODE,
            aborted_is_lost,
        ),
    ),
    steps=(
        Step(
            "dead",
            (
                f"run --connector {','.join(TIMERS)},sequential --target dual-stack --concurrency 32 --attempts 32 "
                "--timeout 2s --wave-limit 8s --repetitions 8"
            ),
            {"--attempts": "16", "--concurrency": "16", "--repetitions": "1"},
        ),
        Step(
            "slow",
            (
                "run --connector happy-eyeballs+stagger:250ms --target dual-stack:400ms~20ms --concurrency 32 "
                "--attempts 32 --timeout 2s --repetitions 8"
            ),
            {"--repetitions": "1"},
        ),
        Step(
            "distant",
            f"run --connector {','.join(DISTANT)} --target dual-stack:300ms~300ms --concurrency 32 --attempts 32"
            " --timeout 2s --repetitions 8",
            {"--repetitions": "1"},
        ),
    ),
    table=table,
    chart=chart,
    limits=(
        "Node.js's time for each address is 500 ms in later versions; the version that ran is in run.json.",
        "Browsers are not measured; their timer is.",
    ),
)
