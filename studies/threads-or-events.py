"""The oldest argument: a thread that waits, or a loop that is told."""

from connbench_tools.study.chart import Lines
from connbench_tools.study.finished import cpu, memory_kib, middle, rate
from connbench_tools.study.plan import Claim, Source, Step, Study, Table
from connbench_tools.study.verdicts import (
    FAILS,
    UNTESTABLE,
    Verdict,
    at_least,
    at_most,
    published,
    ratio_text,
    verdict_of,
)
from connbench_tools.units import memory, significant

TYMA = Source(
    "Paul Tyma", "Thousands of Threads and Blocking I/O: the old way to write Java servers is new again", 2008
)
BEHREN = Source(
    "Rob von Behren, Jeremy Condit, Eric Brewer", "Why Events Are a Bad Idea (for High-Concurrency Servers)", 2003
)
PARIAG = Source("David Pariag and others", "Comparing the Performance of Web Server Architectures", 2007)
POST = Source("An undated post", "linux 客户端 Socket 非阻塞connect编程", None)
IN_FLIGHT = (64, 512, 4096)
PLACES = {"near": "on loopback", "far": "20 ms away"}
LOOP, NEW_THREADS, OLD_THREADS = "epoll", "blocking-threads", "blocking-pool+threads:4096"
WAYS = {NEW_THREADS: "a thread per attempt", OLD_THREADS: "waiting threads", LOOP: "a loop"}
AS_WELL = 0.8  # of the loop's rate: from there on, threads do fine
HEALTHY_SHARE = 90  # percent of the fleet


def situations(records, connectors, figure=rate):
    """(name, figures of the connector, figures of the loop) for each place, number in flight and connector."""
    for place, title in PLACES.items():
        for many in IN_FLIGHT:
            loop = records.figures(place, figure, connector=LOOP, concurrency=many)
            for connector in connectors:
                ours = records.figures(place, figure, connector=connector, concurrency=many)
                yield f"{WAYS[connector]}, {many:,} in flight {title}", ours, loop


def blocking_is_faster(records):
    answers = {
        name: at_least(ours, loop, published(1.25))
        for name, ours, loop in situations(records, (NEW_THREADS, OLD_THREADS))
    }
    return verdict_of(answers, "the number in flight and the distance")


def many_threads_do_fine(records):
    """4,096 threads are what this run has. If they do not do well, 100,000 will not either."""
    answers = {
        name: at_least(ours, loop, AS_WELL)
        for name, ours, loop in situations(records, (NEW_THREADS, OLD_THREADS))
        if "4,096" in name
    }
    found = verdict_of(answers, "how threads are used")
    if found.word in (FAILS, UNTESTABLE) or found.on:
        return found
    return Verdict(
        UNTESTABLE, f"with 4,096 threads it holds ({found.because}); 100,000 are more than this study starts"
    )


def events_are_faster(records):
    """Against the better of the two ways to use threads, each with its own figures."""
    answers = {}
    for place, title in PLACES.items():
        for many in IN_FLIGHT:
            loop = records.figures(place, rate, connector=LOOP, concurrency=many)
            threads = [
                records.figures(place, rate, connector=way, concurrency=many) for way in (NEW_THREADS, OLD_THREADS)
            ]
            answers[f"{many:,} in flight {title}"] = at_least(loop, max(threads, key=middle), published(1.18))
    return verdict_of(answers, "the number in flight and the distance")


def dead_hosts(records):
    """Healthy hosts connected per second, in a fleet with dead ones, against the loop."""

    def of(connector):
        return records.figures("fleet", rate, connector=connector, target="accepting")

    answers = {
        "without a timeout they fall behind the loop": at_most(of(NEW_THREADS), of(LOOP), AS_WELL),
        "with one they keep up": at_least(of("sndtimeo-threads"), of(LOOP), AS_WELL),
    }
    return verdict_of(answers, "the part of the claim")


def table(records):
    lines = []
    for place, title in PLACES.items():
        for many in IN_FLIGHT:
            for connector in WAYS:
                which = {"connector": connector, "concurrency": many}
                rates = records.figures(place, rate, **which)
                loop = records.figures(place, rate, connector=LOOP, concurrency=many)
                costs = middle(records.figures(place, cpu, **which))
                kib = middle(records.figures(place, memory_kib, **which))
                figures = [significant(middle(rates)), ratio_text(rates, loop), significant(costs / 1e3), memory(kib)]
                mark = " §" if records.is_server_bound(place, **which) else ""
                lines.append([f"`{connector}`, {title}{mark}", f"{many:,}", *figures])
    for connector in records.connectors("fleet"):
        rates = records.figures("fleet", rate, connector=connector, target="accepting")
        loop = records.figures("fleet", rate, connector=LOOP, target="accepting")
        costs = middle(records.figures("fleet", cpu, connector=connector, target="*"))
        kib = middle(records.figures("fleet", memory_kib, connector=connector, target="*"))
        figures = [significant(middle(rates)), ratio_text(rates, loop), significant(costs / 1e3), memory(kib)]
        lines.append([f"`{connector}`, fleet, 10 % dead", "512", *figures])
    return Table(("how, where", "in flight", "connects/s", "against the loop", "CPU µs each", "memory"), lines)


def chart(records):
    series = {}
    for connector, way in WAYS.items():
        for place, title in PLACES.items():
            points = [
                (many, middle(records.figures(place, rate, connector=connector, concurrency=many)))
                for many in IN_FLIGHT
            ]
            series[f"{way}, {title}"] = points
    return Lines("Connects per second by attempts in flight", "per s", "in flight", series, log=True)


# Room in the server's queue for every connection of a wave (which also puts the run into a network of its own). Of the
# usual 4,096 places, those of connections that the client has closed stay taken until the server comes to them: 4,096
# threads at once overflow it, and lost SYNs would decide the study.
IN_LAB = "--sysctl net.core.somaxconn=65535"

STUDY = Study(
    question="Do threads or event loops connect faster, and which of them reaches more hosts?",
    claims=(
        Claim("Blocking threads are 25 % faster than non-blocking I/O", TYMA, blocking_is_faster),
        Claim("Programs with 100,000 threads do as well as event loops", BEHREN, many_threads_do_fine),
        Claim("Event loops are about 18 % faster than threads", PARIAG, events_are_faster),
        Claim(
            (
                "When hosts do not answer, threads in blocking connects get stuck; with a short timeout they free"
                " themselves"
            ),
            POST,
            dead_hosts,
        ),
    ),
    steps=(
        Step(
            "near",
            (
                f"run --connector {','.join(WAYS)} --target accepting --concurrency 64,512,4096 --attempts 8192 "
                f"--repetitions 12 {IN_LAB}"
            ),
            {"--attempts": "4096", "--repetitions": "1"},
        ),
        Step(
            "far",
            (
                f"run --connector {','.join(WAYS)} --target delayed:20ms --concurrency 64,512,4096 --attempts 4096 "
                "--repetitions 8 --handshake off"
            ),
            {"--attempts": "4096", "--repetitions": "1"},
        ),
        Step(
            "fleet",
            (
                "run --connector blocking-threads,sndtimeo-threads,poll-pool+threads:512,epoll "
                f"--mix accepting={HEALTHY_SHARE},blackhole={100 - HEALTHY_SHARE} --arrival poisson:2000/s "
                "--concurrency 512 --attempts 6000 --timeout 200ms --wave-limit 5s --repetitions 5"
            ),
            {"--repetitions": "1"},
        ),
    ),
    table=table,
    chart=chart,
    limits=(
        (
            "The publications measured servers that answer requests, and their thread libraries and languages were"
            " others. Here programs only connect: what differs between waiting in a thread and in a loop."
        ),
        (
            "On loopback, too, the runs are in a network of their own, whose server has room for 65,535 connections:"
            " with 4,096 at once, the usual 4,096 places overflow, and clients wait for a second SYN."
        ),
        "§: the server used more than four fifths of its processor, so that it may have been the limit.",
        (
            "Client and server share this machine. On loopback a blocking connect() hardly ever waits; 20 ms away all"
            " of them do."
        ),
        (
            "20 ms away, 64 in flight make at most 3,200 connects per second, whoever waits; with 4,096 in flight the"
            " link of the lab is the limit."
        ),
    ),
)
