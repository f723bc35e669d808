"""select() and epoll: equal while nothing idles, and next to many attempts that nobody answers."""

from connbench_tools.study.chart import Bars
from connbench_tools.study.finished import bar, cpu, middle, rate
from connbench_tools.study.plan import Claim, Source, Step, Study, Table
from connbench_tools.study.verdicts import at_least, equal, ratio_text, verdict_of
from connbench_tools.units import significant

GAMMO = Source(
    "Louay Gammo, Tim Brecht, Amol Shukla, David Pariag",
    "Comparing and Evaluating epoll, select, and poll Event Mechanisms",
    2004,
)
WAYS, BASE = ("select", "poll", "epoll"), "epoll"
IN_FLIGHT = (16, 64)
COMPARABLE = 1.25  # times: up to here two rates count as comparable
DEARER = 1.5  # times the CPU time: from here on idle connections show


def comparable(records):
    answers = {}
    for many in IN_FLIGHT:
        base = records.figures("busy", rate, connector=BASE, concurrency=many)
        for way in WAYS[:2]:
            ours = records.figures("busy", rate, connector=way, concurrency=many)
            answers[f"{way}, {many} in flight"] = equal(ours, base, COMPARABLE)
    return verdict_of(answers, "the number in flight")


def idle_shows(records):
    base = records.figures("idle", cpu, connector=BASE, target="*")
    answers = {way: at_least(records.figures("idle", cpu, connector=way, target="*"), base, DEARER) for way in WAYS[:2]}
    return verdict_of(answers, "the call")


def table(records):
    lines = []
    for many in IN_FLIGHT:
        base = records.figures("busy", rate, connector=BASE, concurrency=many)
        for way in WAYS:
            which = {"connector": way, "concurrency": many}
            ours, costs = records.figures("busy", rate, **which), records.figures("busy", cpu, **which)
            figures = [f"{significant(middle(ours))}/s", significant(middle(costs) / 1e3), ratio_text(ours, base)]
            lines.append([f"`{way}`", f"none idle, {many} in flight", *figures])
    base = records.figures("idle", cpu, connector=BASE, target="*")
    for way in WAYS:
        ours = records.figures("idle", rate, connector=way, target="accepting")
        costs = records.figures("idle", cpu, connector=way, target="*")
        figures = [f"{significant(middle(ours))}/s", significant(middle(costs) / 1e3), ratio_text(costs, base)]
        lines.append([f"`{way}`", "900 dead attempts beside", *figures])
    heads = ("call", "load", "healthy connects", "CPU µs per attempt", "against epoll (rate; with dead ones: CPU)")
    return Table(heads, lines)


def chart(records):
    bars = []
    for way in WAYS:
        bars.append(bar(f"{way}, none idle", records.figures("busy", cpu, connector=way, concurrency=IN_FLIGHT[-1])))
    for way in WAYS:
        bars.append(bar(f"{way}, 900 dead", records.figures("idle", cpu, connector=way, target="*")))
    return Bars("CPU time per attempt", "ns", bars)


STUDY = Study(
    question="Is select() as good as epoll, without idle connections and with them?",
    claims=(
        Claim("Without idle connections, select and poll perform comparably to epoll", GAMMO, comparable),
        Claim("With many idle connections, they cost more than epoll", GAMMO, idle_shows),
    ),
    steps=(
        Step(
            "busy",
            f"run --connector {','.join(WAYS)} --target accepting --concurrency 16,64 --attempts 4000 --repetitions 12",
            {"--attempts": "2000", "--repetitions": "2"},
        ),
        Step(
            "idle",
            (
                f"run --connector {','.join(WAYS)} --mix accepting=50,blackhole=50 --arrival poisson:2000/s "
                "--concurrency 1000 --attempts 5000 --timeout 900ms --wave-limit 12s --repetitions 5"
            ),
            {"--attempts": "3000", "--repetitions": "1"},
        ),
    ),
    table=table,
    chart=chart,
    limits=(
        (
            "select() takes at most 1,024 descriptors (FD_SETSIZE), so that about 900 dead attempts are pending, not"
            " 1,000."
        ),
    ),
)
