"""When a lost SYN is sent again, and when the kernel gives up."""

from connbench_tools.records.samples import MISSING
from connbench_tools.records.waves import median
from connbench_tools.study.chart import Lines
from connbench_tools.study.plan import LEFT_OUT, Claim, Lacking, Source, Step, Study, Table
from connbench_tools.study.verdicts import mostly, verdict_of
from connbench_tools.units import significant

OLD = Source("V. Paxson and others, IETF (RFC 6298)", "Computing TCP's Retransmission Timer", 2011)
NEW = Source("Linux", "Documentation/networking/ip-sysctl.rst: tcp_syn_retries, tcp_syn_linear_timeouts", 2023)
DOUBLING, LINEAR = {1: 1, 2: 3, 3: 7}, {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 7}  # lost SYNs: seconds
SECOND = 1e9
TOLERANCE = 0.07  # of a time: the kernel's timers fire late by a share of the time that they wait
TOTALS = {"doubling": 127, "linear": 131}  # seconds


def near(times, seconds):
    return sum(abs(time / SECOND - seconds) <= TOLERANCE * seconds for time in times)


def times_of(records, step, lost):
    """How long each attempt took, in ns, when its first SYNs were lost."""
    return [time for wave in records.waves(step, target=f"lossy-syn:{lost}") for time in wave.connecting()]


def steps_match(step, expected):
    def judge(records):
        answers = {}
        for lost, seconds in expected.items():
            times = times_of(records, step, lost)
            answers[f"{lost} lost: {_seconds(times)}"] = mostly(near(times, seconds), len(times))
        return verdict_of(answers, "the number of lost SYNs")

    return judge


def total(step, seconds):
    def judge(records):
        times = ended(records, f"total-{step}")
        return verdict_of({_seconds(times): mostly(near(times, seconds), len(times))}, "")

    return judge


def ended(records, step):
    found = []
    for wave in records.waves(step):
        known = (wave.started != MISSING) & (wave.finished != MISSING)
        found += list((wave.finished - wave.started)[known])
    if not found:
        raise Lacking("no attempt ended")
    return found


def _seconds(times):
    return f"{significant(median(times) / SECOND)} s" if times else "none connected"


def table(records):
    lines = []
    for step, expected in (("doubling", DOUBLING), ("linear", LINEAR)):
        for lost, seconds in expected.items() if records.has(step) else ():
            times = times_of(records, step, lost)
            lines.append(
                [step, f"{lost} lost", f"{seconds} s", _seconds(times), f"{near(times, seconds)} of {len(times)}"]
            )
        if records.has(f"total-{step}"):
            times = ended(records, f"total-{step}")
            lines.append(
                [step, "all lost", f"{TOTALS[step]} s", _seconds(times), f"{near(times, TOTALS[step])} of {len(times)}"]
            )
    return Table(("timeouts", "SYNs", "published", "measured, p50", "within 7 %"), lines)


def chart(records):
    series = {}
    for step, expected in (("doubling", DOUBLING), ("linear", LINEAR)):
        if records.has(step):
            series[f"{step}, measured"] = [(lost, median(times_of(records, step, lost))) for lost in expected]
    return Lines("Time to connect by the number of lost SYNs", "ns", "lost SYNs", series)


def mix(expected):
    share = 100 // len(expected)
    shares = [share] * (len(expected) - 1) + [100 - share * (len(expected) - 1)]
    return ",".join(f"lossy-syn:{lost}={part}" for lost, part in zip(expected, shares))


USUAL = "--connector epoll --concurrency 256 --timeout 20s --wave-limit 30s --samples all --repetitions 2"
WHOLE = "run --connector blocking-threads --target blackhole --concurrency 64 --attempts 64 --wave-limit 160s"
SYSCTL = "--sysctl net.ipv4.tcp_syn_linear_timeouts"

STUDY = Study(
    question="What does a lost SYN cost, and how long does the kernel try?",
    claims=(
        Claim("1, 2 and 3 lost SYNs cost 1, 3 and 7 s (doubling timeouts)", OLD, steps_match("doubling", DOUBLING)),
        Claim(
            "1 to 6 lost SYNs cost 1, 2, 3, 4, 5 and 7 s with four linear timeouts (the default from Linux 6.5 on)",
            NEW,
            steps_match("linear", LINEAR),
        ),
        Claim(
            "With doubling timeouts and the usual 6 retries, the kernel gives up after 127 s",
            NEW,
            total("doubling", 127),
        ),
        Claim("With four linear timeouts before them, after 131 s", NEW, total("linear", 131)),
    ),
    steps=(
        Step("doubling", f"run {USUAL} --mix {mix(DOUBLING)} --attempts 192 {SYSCTL}=0", {"--repetitions": "1"}),
        Step(
            "linear", f"run {USUAL} --mix {mix(LINEAR)} --attempts 252 {SYSCTL}=4", {"--repetitions": "1"}, beside=True
        ),
        *(
            Step(
                f"total-{name}",
                f"{WHOLE} --repetitions 1 --samples all {SYSCTL}={count} --sysctl net.ipv4.tcp_syn_retries=6",
                LEFT_OUT,
                beside=True,
            )
            for name, count in (("doubling", 0), ("linear", 4))
        ),
    ),
    table=table,
    chart=chart,
    limits=(
        "A time counts as the published one within 7 %: the kernel's timers fire late by a share of what they wait.",
        "The runs wait and do hardly anything else, so they are made at the same time, each in a network of its own.",
    ),
)
