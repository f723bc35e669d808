"""The story that this project grew from: threads stuck in connect() use up what the system allows."""

from connbench_tools.study.chart import Bars
from connbench_tools.study.finished import bar
from connbench_tools.study.plan import LEFT_OUT, Claim, Lacking, Source, Step, Study, Table
from connbench_tools.study.verdicts import Answer, mostly, verdict_of
from connbench_tools.records.waves import median
from connbench_tools.units import duration

POST = Source("An undated post", "linux 客户端 Socket 非阻塞connect编程", None)
STUCK, TIMED, LOOP = "blocking-threads", "select-threads", "epoll"
SMALL, LARGE = "blocking-threads+stack:64KiB", "blocking-threads+stack:8MiB"
SOON = 0.5 * 10**9  # after the deadline
STEPS = {"threads": "512 threads", "memory": "1 GiB of address space"}


def stopped_by_threads(records, connector, step="threads"):
    return [rows[-1]["stopped_call"] == "pthread_create" for rows, _ in records.ramps(step, connector)]


def uses_up(records):
    stopped = stopped_by_threads(records, STUCK)
    reached = [entry["healthy_connected"] for _, entry in records.ramps("threads", STUCK)]
    answers = {
        "ramps in which no new thread could be made": _all(stopped),
        "ramps in which no healthy host was reached": _all([count == 0 for count in reached]),
    }
    return verdict_of(answers, "the part of the claim")


def frees_itself(records):
    after = [rows[-1]["recovery_released_ns"] for rows, _ in records.ramps("threads", TIMED)]
    soon = [bool(time) and float(time) <= SOON for time in after]
    known = [float(time) for time in after if time]
    when = f", {duration(median(known))} after the deadline" if known else ""
    found = _all(soon)
    return verdict_of({f"ramps that could connect again at once{when}": found}, "")


def loop_has_room(records):
    tried = sum(entry["healthy_tried"] for _, entry in records.ramps("threads", LOOP))
    reached = sum(entry["healthy_connected"] for _, entry in records.ramps("threads", LOOP))
    return verdict_of({"healthy hosts reached next to the dead ones": mostly(reached, tried)}, "")


def _all(seen):
    """An answer about a few ramps: a count of calls that failed is exact, it needs no statistics."""
    value = True if all(seen) else False if not any(seen) else None
    return Answer(value, f"{sum(seen)} of {len(seen)}")


def table(records):
    lines = []
    for step, limit in STEPS.items():
        for connector in records.connectors(step) if records.has(step) else ():
            ramps = records.ramps(step, connector)
            pending = [entry["most_pending"] for _, entry in ramps]
            last = ramps[-1][0][-1]
            healthy = (
                f"{sum(entry['healthy_connected'] for _, entry in ramps):,} of"
                f" {sum(entry['healthy_tried'] for _, entry in ramps):,}"
            )
            again = [float(rows[-1]["recovery_released_ns"]) for rows, _ in ramps if rows[-1]["recovery_released_ns"]]
            kind = records.runs(step)[0].facts["exhaustion"]["limit_kind"]
            again = duration(median(again)) if again else "not within 10 s"
            lines.append(
                [
                    f"`{connector}`",
                    f"{limit} ({kind})",
                    f"{median(pending):,.0f}",
                    last["stopped_call"] or "nothing",
                    healthy,
                    again,
                ]
            )
    heads = ("connector", "limit", "pending at most", "stopped by", "healthy hosts reached beside", "again after")
    return Table(heads, lines)


def chart(records):
    bars = []
    for step, limit in STEPS.items():
        for connector in records.connectors(step) if records.has(step) else ():
            ramps = enumerate(records.ramps(step, connector), 1)
            bars.append(bar(f"{connector}, {limit}", {place: entry["most_pending"] for place, (_, entry) in ramps}))
    if not bars:
        raise Lacking("no ramp was measured")
    return Bars("Attempts pending when it ended", "attempts", bars)


STUDY = Study(
    question="Where do threads that are stuck in connect() end, and who gets through beside them?",
    claims=(
        Claim(
            "Several hundred threads in blocking connects use up what the system allows, and new threads fail",
            POST,
            uses_up,
        ),
        Claim("With a non-blocking connect and a short wait in select(), they free themselves", POST, frees_itself),
        Claim("A program can do other work beside many non-blocking connects", POST, loop_has_room),
    ),
    steps=(
        Step(
            "threads",
            (
                f"exhaust threads --limit 512 --connector {STUCK},{LARGE},{TIMED},{LOOP} --pending 2000 "
                "--healthy 500 --timeout 2s --repetitions 3"
            ),
            {"--repetitions": "1", "--timeout": "1s"},
        ),
        Step(
            "memory",
            (
                f"exhaust memory --limit 1GiB --connector {SMALL},{LARGE},{LOOP} --pending 4000 --healthy 200 --timeout"
                " 2s --repetitions 2"
            ),
            LEFT_OUT,
        ),
    ),
    table=table,
    chart=chart,
    limits=(
        (
            "An ordinary user is limited by RLIMIT_NPROC, root by pids.max of a cgroup: one of the two, as who runs the"
            " study."
        ),
        "A limit on the address space shows the size of the stacks, which RLIMIT_NPROC and pids.max do not look at.",
    ),
)
