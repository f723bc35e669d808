"""What one pending attempt holds, in the process and in the kernel, by what waits for it."""

from connbench_tools.records import pending
from connbench_tools.records.waves import median
from connbench_tools.study.chart import Bars, size_text
from connbench_tools.study.finished import bar
from connbench_tools.study.plan import Claim, Lacking, Source, Step, Study, Table
from connbench_tools.study.verdicts import against, at_most, equal, ratio_text, verdict_of

BLANDY = Source("Jim Blandy", "Comparison of Rust async and Linux thread context switch time and memory use", 2020)
THREAD, LOOP = "blocking-threads", "epoll"
WAITERS = {
    THREAD: "a thread, stack of 64 KiB",
    "blocking-threads+stack:8MiB": "a thread, stack of 8 MiB",
    "boost-fiber": "a fiber",
    "asio-coroutines": "a coroutine",
    "asio": "a callback",
    LOOP: "an entry of a loop",
    "io-uring": "a request of a ring",
}
PROCESS, KERNEL = "process", "kernel"
ALIKE = 1.25  # times: up to here a size counts as the published one


def sizes(records, connector, where):
    """{repetition: KiB per attempt}, in the `process` or in the `kernel`."""
    found = [one for one in measured(records) if one.connector == connector and not one.skipped]
    sums = [one.bytes_each if where == PROCESS else one.kernel_bytes for one in found]
    if not sums or None in sums:
        raise Lacking(f"the memory of {connector} was not measured")
    return {place: size / 1024 for place, size in enumerate(sums, 1)}


def measured(records):
    return pending.read(records.path("pending", "answer.json"))


def waiters(records):
    known = {one.connector for one in measured(records) if not one.skipped}
    return {connector: what for connector, what in WAITERS.items() if connector in known}


def user_of_a_thread(records):
    found = sizes(records, THREAD, PROCESS)
    return verdict_of({size_text(median(found.values())): equal(found, against(found, 9.5), ALIKE)}, "")


def kernel_of_a_thread(records):
    """The kernel's memory of a thread is what it needs beyond the socket, which the loop has as well."""
    sockets = median(sizes(records, LOOP, KERNEL).values())
    found = {place: size - sockets for place, size in sizes(records, THREAD, KERNEL).items()}
    return verdict_of({size_text(median(found.values())): equal(found, against(found, 10), ALIKE)}, "")


def of_a_task(records):
    answers = {}
    for connector in ("asio-coroutines", "boost-fiber", LOOP):
        if connector in waiters(records):
            found = sizes(records, connector, PROCESS)
            answers[f"{WAITERS[connector]} ({size_text(median(found.values()))})"] = at_most(
                found, against(found, 0.4), ALIKE
            )
    return verdict_of(answers, "the kind of task")


def table(records):
    lines, base = [], sizes(records, LOOP, PROCESS)
    for connector, what in waiters(records).items():
        user, kernel = (sizes(records, connector, column) for column in (PROCESS, KERNEL))
        both = {place: user[place] + kernel[place] for place in user}
        medians = [size_text(median(figures.values())) for figures in (user, kernel, both)]
        lines.append([f"`{connector}`", what, *medians, ratio_text(user, base)])
    return Table(("connector", "what waits", "process", "kernel", "both", "process, against the loop"), lines)


def chart(records):
    bars = []
    for connector, what in waiters(records).items():
        for column, where in ((PROCESS, "process"), (KERNEL, "kernel")):
            bars.append(bar(f"{what}: {where}", sizes(records, connector, column)))
    return Bars("Memory of one pending attempt", "KiB", bars)


FILTER = f"--benchmark_filter=pending_bytes/({'|'.join(WAITERS)})/".replace("+", "[+]")

STUDY = Study(
    question="How much memory does one pending attempt hold, as a thread, a task, or an entry of a loop?",
    claims=(
        Claim("A thread holds 9.5 KiB in the process", BLANDY, user_of_a_thread),
        Claim("A thread holds 10 KiB more in the kernel", BLANDY, kernel_of_a_thread),
        Claim("A task holds about 0.4 KiB in the process", BLANDY, of_a_task),
    ),
    steps=(
        Step(
            "pending",
            f"program floor_bench '{FILTER}' --benchmark_repetitions=8 --benchmark_format=json",
            {FILTER: "--benchmark_repetitions=2"},
        ),
    ),
    table=table,
    chart=chart,
    limits=(
        (
            "The kernel's memory is a difference of readings of the whole machine, so it includes what others did"
            " meanwhile."
        ),
        "The repetitions of one connector follow each other, and those of the next one come later.",
        "The published task waited for a pipe, and was one of Rust. These wait for connect(), with a deadline each.",
    ),
)
