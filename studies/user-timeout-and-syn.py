"""TCP_USER_TIMEOUT and TCP_SYNCNT as the timeout of a connect()."""

from connbench_tools.study.chart import Bars
from connbench_tools.study.finished import bar, late_p50, middle
from connbench_tools.study.plan import Claim, Lacking, Source, Step, Study, Table
from connbench_tools.study.verdicts import against, at_most, verdict_of
from connbench_tools.units import duration, exact_duration

RFC = Source("L. Eggert, F. Gont, IETF (RFC 5482)", "TCP User Timeout Option", 2009)
LINUX = Source("Linux man-pages", "tcp(7): TCP_USER_TIMEOUT, TCP_SYNCNT", None)
USER, COUNT = "user-timeout-threads", "syncnt-threads"
STEPS = {USER: "user", COUNT: "count"}
TIMEOUTS = (2 * 10**8, 10**9, 2 * 10**9, 3 * 10**9)  # ns
IN_TIME = 0.15  # of the timeout: up to here an attempt ends at its time


def in_time(connector, timeouts):
    def judge(records):
        answers = {}
        for timeout in timeouts:
            late = late_of(records, connector, timeout)
            answers[f"{exact_duration(timeout)} ({duration(middle(late))} late)"] = at_most(
                late, against(late, IN_TIME * timeout)
            )
        return verdict_of(answers, "the timeout")

    return judge


def late_of(records, connector, timeout):
    return records.figures(STEPS[connector], late_p50, connector=connector, timeout_ns=timeout)


def each(records):
    """(connector, timeout, lateness) of what was measured."""
    for connector in (USER, COUNT):
        for timeout in TIMEOUTS:
            try:
                yield connector, timeout, late_of(records, connector, timeout)
            except Lacking:
                continue


def table(records):
    lines = []
    for connector, timeout, late in each(records):
        ended = timeout + middle(late)
        lines.append([f"`{connector}`", exact_duration(timeout), duration(ended), f"{100 * ended / timeout:,.0f} %"])
    return Table(("connector", "timeout", "ended after, p50", "of the timeout"), lines)


def chart(records):
    bars = []
    for connector, timeout, late in each(records):
        ends = {place: timeout + value for place, value in late.items()}
        bars.append(bar(f"{connector}, {exact_duration(timeout)}", ends))
    return Bars("When a connect() ends that nobody answers", "ns", bars)


USUAL = "--target blackhole --concurrency 64 --attempts 64 --wave-limit 16s --repetitions 8"

STUDY = Study(
    question="What do TCP_USER_TIMEOUT and TCP_SYNCNT really bound?",
    claims=(
        Claim(
            "TCP_USER_TIMEOUT says how long data, and so a SYN, may stay unacknowledged", RFC, in_time(USER, TIMEOUTS)
        ),
        Claim(
            "TCP_SYNCNT, the number of SYNs, can serve as a timeout too", LINUX, in_time(COUNT, (10**9, 3 * 10**9))
        ),
    ),
    steps=(
        Step("user", f"run --connector {USER} --timeout 200ms,1s,2s,3s {USUAL}", {"--repetitions": "1"}),
        Step("count", f"run --connector {COUNT} --timeout 1s,3s {USUAL}", {"--repetitions": "1"}, beside=True),
    ),
    table=table,
    chart=chart,
    limits=(
        "An attempt ends in time when it is late by at most 15 % of its timeout (p50).",
        "TCP_USER_TIMEOUT is looked at when a SYN is due to be sent again, not before.",
    ),
)
