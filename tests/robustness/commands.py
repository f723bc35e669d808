"""The commands that are run in every condition: each subcommand, and each script that needs no hour."""

from dataclasses import dataclass

# Waits for threads that only a signal can end, and uses every way to wait that an inherited state could change.
CONNECTORS = "blocking-threads,signal-pool,sndtimeo-threads,epoll,libev,libevent,libuv,libcurl,io-uring"
# On a busy machine the kernel may deliver no packet for seconds.
ANSWERED = "--concurrency 4 --attempts 12 --timeout 1min --repetitions 1 --syscalls off"


@dataclass(frozen=True)
class Command:
    name: str
    words: str  # {bin}, {scripts}, {runs}: folders; {out}: a folder of its own that does not exist
    status: int | tuple = 0
    says: str = ""  # part of what it prints
    records: bool = False  # leaves records in {out}
    is_script: bool = False
    seconds: float = 0.1  # on an idle machine: the longest are begun first


def connbench(name, words, **more):
    return Command(name, "{bin}/connbench " + words, **more)


def script(name, words, **more):
    return Command(name, "{scripts}/" + words, is_script=True, **more)


COMMANDS = [
    connbench("help", "--help", says="exhaust"),
    connbench("help of run", "help run", says="--connector"),
    connbench("version", "--version", says="commit"),
    connbench("list", "list", says="blocking-threads"),
    connbench("list as json", "list --format json", says='"connectors"'),
    connbench("doctor", "doctor", says="descriptors", seconds=0.5),
    connbench("doctor as json", "doctor --format json", says='"capacity"', seconds=0.5),
    connbench("unusable arguments", "run --connector nonsense", status=2),
    connbench("dry run", "run --dry-run --connector epoll --target accepting,blackhole", says="waves"),
    connbench(
        "cluster dry run",
        "cluster run --dry-run --host a,b --limits ports=28232 --connector epoll",
        says="would stop it",
    ),
    connbench(
        "run on loopback",
        f"run --connector {CONNECTORS} {ANSWERED} --out {{out}}",
        says="records:",
        records=True,
        seconds=0.5,
    ),
    connbench(
        "run over both families",
        f"run --connector epoll --family both {ANSWERED} --out {{out}}",
        says="records:",
        records=True,
        seconds=0.3,
    ),
    connbench(
        "run in the lab",
        "run --connector blocking-threads,libev,epoll --target blackhole --timeout 30ms --wave-limit 700ms "
        "--concurrency 4 --attempts 4 --repetitions 1 --out {out}",
        says="records:",
        records=True,
        seconds=1.5,
    ),
    connbench(
        "exhaust",
        "exhaust threads --connector blocking-threads --limit 24 --out {out}",
        says="records:",
        records=True,
        seconds=1.5,
    ),
    connbench("probe", "probe --only S4,S6 --out {out}", says="S6", records=True, seconds=1.5),
    connbench("trace", "trace --connector epoll --timeout 1min", says="SYN", seconds=0.4),
    script("compare", "compare {runs}/run {runs}/run", status=4, says="unstable", seconds=0.7),
    script("report", "report {runs}/run --out {out}.html", says=".html", seconds=0.3),
    script("table", "table --help", says="--from"),
    script("table of a run", "table --from {runs}/run", says="epoll", seconds=0.3),
    script("history", "history {runs}/nothing", status=2),
    script("history of a run", "history {runs}/run --file {out}.csv --branch main", says="run 1", seconds=0.3),
    script("answer", "answer {runs}/nothing", status=2),
    script("exact", "exact {runs}/nothing", status=2),
    script("vocabulary", "vocabulary {bin}/..", says="No difference", seconds=0.2),
    script("regress", "regress --help", says="--pairs", seconds=0.5),
    script("bench", "bench --help", says="--quick"),
    script("setup", "setup --help", says="--list"),
]
