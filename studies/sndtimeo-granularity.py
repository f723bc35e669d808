"""SO_SNDTIMEO as the timeout of a connect(): does it end, and how late?"""

from connbench_tools.study.chart import Bars
from connbench_tools.study.finished import bar, late_p50, late_p99, middle
from connbench_tools.study.plan import Claim, Source, Step, Study, Table
from connbench_tools.study.verdicts import against, at_most, mostly, ratio_text, verdict_of
from connbench_tools.units import duration, exact_duration

POST = Source("An undated post", "linux connect 设置连接超时", None)
WAYS = {"sndtimeo-threads": "SO_SNDTIMEO", "poll-threads": "poll() with a timeout"}
TIMEOUTS = (10**6, 10**7, 10**8)  # ns
EXACT = 10**6  # ns late at p50: up to here a timeout counts as exact


def bounds(records):
    answers = {}
    for timeout in TIMEOUTS:
        counts = records.counts("late", connector="sndtimeo-threads", timeout_ns=timeout)
        answers[exact_duration(timeout)] = mostly(counts["deadline_exceeded"], counts["attempts"])
    return verdict_of(answers, "the timeout")


def exact(records):
    answers = {}
    for timeout in TIMEOUTS:
        late = records.figures("late", late_p50, connector="sndtimeo-threads", timeout_ns=timeout)
        answers[f"{exact_duration(timeout)} ({duration(middle(late))} late)"] = at_most(late, against(late, EXACT))
    return verdict_of(answers, "the timeout")


def as_exact_as_poll(records):
    answers = {}
    for timeout in TIMEOUTS:
        ours, theirs = (records.figures("late", late_p50, connector=way, timeout_ns=timeout) for way in WAYS)
        answers[exact_duration(timeout)] = at_most(ours, theirs, 2)
    return verdict_of(answers, "the timeout")


def table(records):
    lines = []
    for timeout in TIMEOUTS:
        for way, title in WAYS.items():
            which = {"connector": way, "timeout_ns": timeout}
            late, tail = (records.figures("late", figure, **which) for figure in (late_p50, late_p99))
            base = records.figures("late", late_p50, connector="poll-threads", timeout_ns=timeout)
            ends = [duration(middle(late)), duration(middle(tail)), ratio_text(late, base)]
            lines.append([title, exact_duration(timeout), *ends])
    return Table(("how", "timeout", "late, p50", "p99", "p50, against poll()"), lines)


def chart(records):
    bars = []
    for way, title in WAYS.items():
        for timeout in TIMEOUTS:
            bars.append(
                bar(
                    f"{title}, {exact_duration(timeout)}",
                    records.figures("late", late_p50, connector=way, timeout_ns=timeout),
                )
            )
    return Bars("How late a connect() is given up, p50", "ns", bars)


STUDY = Study(
    question="What does SO_SNDTIMEO really bound?",
    claims=(
        Claim("SO_SNDTIMEO, set before connect(), ends it", POST, bounds),
        Claim("Tested here: at its time, that is, less than 1 ms late at p50", POST, exact),
        Claim("Tested here: at most twice as late as poll() with the same timeout", POST, as_exact_as_poll),
    ),
    steps=(
        Step(
            "late",
            (
                f"run --connector {','.join(WAYS)} --target blackhole --timeout 1ms,10ms,100ms --arrival poisson:1000/s"
                " --concurrency 384 --attempts 400 --repetitions 8"
            ),
            {"--repetitions": "5"},
        ),
    ),
    table=table,
    chart=chart,
    limits=(
        "The kernel counts this timeout in ticks (CONFIG_HZ), so the figures of a kernel with another HZ differ.",
        (
            "After the timeout the socket is still in SYN_SENT and the handshake may yet succeed: `connbench probe"
            " --only S10`."
        ),
    ),
)
