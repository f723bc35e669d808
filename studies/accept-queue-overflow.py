"""What a client sees when the server does not accept fast enough."""

from connbench_tools.study.chart import Lines
from connbench_tools.study.finished import longest, middle, p50
from connbench_tools.study.plan import Claim, Source, Step, Study, Table
from connbench_tools.study.verdicts import any_of, mostly, verdict_of
from connbench_tools.units import duration

SEDA = Source(
    "Matt Welsh, David Culler, Eric Brewer",
    "SEDA: An Architecture for Well-Conditioned, Scalable Internet Services",
    2001,
)
KERNEL = Source("Linux", "Documentation/networking/ip-sysctl.rst: tcp_abort_on_overflow", None)
SECOND = 10**9
WAITED = 0.9 * SECOND  # at least one SYN was sent again
RAREST = 0.01  # a share of the clients below this counts as none
SETTINGS = {"drop": 0, "abort": 1}  # net.ipv4.tcp_abort_on_overflow


def times_of(records, step):
    return sorted(time for wave in records.waves(step) for time in wave.connecting())


def some_wait(records):
    answers = {}
    for step, value in SETTINGS.items():
        times = times_of(records, step)
        answers[f"tcp_abort_on_overflow {value}, a second or more"] = any_of(late(times), len(times), RAREST)
    return verdict_of(answers, "tcp_abort_on_overflow")


def late(times):
    return sum(time >= WAITED for time in times)


def abort_resets(records):
    """Instead of waiting: the clients that find no room are reset. Their SYN can find none, or, later, their ACK."""
    counts, times, acks = records.counts("abort"), times_of(records, "abort"), records.answer("ack", "answer.json")
    found_no_room = counts["reset"] + late(times)
    answers = {
        "a SYN that finds no room": mostly(counts["reset"], found_no_room),
        "an ACK that finds no room": mostly(acks["abort"]["reset"], acks["attempts"]),
    }
    return verdict_of(answers, "what finds the queue full")


def table(records):
    lines = []
    for step, value in SETTINGS.items():
        counts, times = records.counts(step), times_of(records, step)
        others = f"{counts['reset']:,} reset, {counts['refused']:,} refused, {counts['deadline_exceeded']:,} timed out"
        ends = [duration(middle(records.figures(step, figure))) for figure in (p50, longest)]
        connected = f"{counts['connected']:,} of {counts['attempts']:,}"
        lines.append([f"{value}, on loopback", connected, others, *ends, f"{late(times):,}"])
    for step, value in SETTINGS.items() if records.has("ack") else ():
        acks = records.answer("ack", "answer.json")
        connected = f"{acks[step]['connected']:,} of {acks['attempts']:,}"
        lines.append([f"{value}, an ACK that is late", connected, f"{acks[step]['reset']:,} reset", "-", "-", "-"])
    heads = ("tcp_abort_on_overflow", "connected", "others", "p50", "longest", "waited a second or more")
    return Table(heads, lines)


def chart(records):
    series = {}
    for step, value in SETTINGS.items():
        times = times_of(records, step)
        kept = times[:: max(1, len(times) // 50)]
        share = [100 * (place + 1) / len(kept) for place in range(len(kept))]
        series[f"tcp_abort_on_overflow {value}"] = list(zip(share, map(float, kept)))
    return Lines(
        "Time to connect to a server that accepts too slowly", "ns", "percent of the clients", series, log=True
    )


def step(name, value):
    return Step(
        name,
        (
            "run --connector epoll --target overflowing:8 --concurrency 256 --attempts 800 --timeout 20s --wave-limit"
            f" 30s --samples all --repetitions 4 --sysctl net.ipv4.tcp_abort_on_overflow={value}"
        ),
        {"--attempts": "256", "--repetitions": "1"},
        beside=value == 1,
    )


STUDY = Study(
    question="What does a client see when the server's accept queue is full?",
    claims=(
        Claim("Some clients wait for seconds, because their SYN is dropped and sent again", SEDA, some_wait),
        Claim("With tcp_abort_on_overflow 1, clients that find no room are reset instead", KERNEL, abort_resets),
    ),
    steps=(*(step(name, value) for name, value in SETTINGS.items()), Step("ack", "program who-is-reset 64")),
    table=table,
    chart=chart,
    limits=(
        "The queue has 8 places and is emptied every 50 ms; 256 clients try at a time.",
        (
            "On loopback a handshake is done within connect(), so that only SYNs find the queue full. From further away"
            " ACKs can: studies/who-is-reset.cpp makes that happen, with plain system calls, by delaying them. How"
            " often it happens to a client depends on its distance, which is not measured."
        ),
        (
            "With tcp_abort_on_overflow 0, a client whose ACK finds no room counts itself as connected, and the server"
            " does not know it. It waits for nothing in connect(), and so is not in the first claim's figures."
        ),
    ),
)
