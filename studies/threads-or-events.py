"""The oldest argument: a thread that waits, or a loop that is told."""

from connbench_tools.study.chart import Lines
from connbench_tools.study.finished import cpu, memory_kib, middle, rate, share_of
from connbench_tools.study.plan import Claim, Lacking, Source, Step, Study, Table
from connbench_tools.study.verdicts import all_of, at_least, at_most, published, ratio_text, verdict_of
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
ROUND_TRIPS = {"far": 0.02}  # seconds
LOOP, NEW_THREADS, OLD_THREADS = "epoll", "blocking-threads", "blocking-pool+threads:4096"
WAYS = {NEW_THREADS: "a thread per attempt", OLD_THREADS: "waiting threads", LOOP: "a loop"}
THREADS = (NEW_THREADS, OLD_THREADS)
FASTER, AHEAD = published(1.25), published(1.18)
AS_WELL = 0.8  # of what the loop achieves: from there on, threads do fine
HEALTHY_SHARE = 80  # percent of the fleet
LIMITED = "left out, because nobody could be that much faster or slower there"


def rates_of(records, place, many, connector):
    return records.figures(place, rate, connector=connector, concurrency=many)


def is_limited(records, place, many, connector, factor):
    """Whether nobody could be `factor` times as fast as this connector: the server's processor is used up, or the round
    trip does not let so few attempts in flight make more."""
    if records.is_server_bound(place, connector=connector, concurrency=many):
        return True
    most = many / ROUND_TRIPS[place] if place in ROUND_TRIPS else float("inf")
    return factor * middle(rates_of(records, place, many, connector)) > most


def judged(answers, left_out, on):
    """The verdict, with the situations in which the claim could not be tested. They do not vote."""
    if not answers:
        raise Lacking(f"{', '.join(left_out)}: {LIMITED}")
    found = verdict_of(answers, on)
    return found._replace(because=f"{found.because}; {LIMITED}: {', '.join(left_out)}") if left_out else found


def situations():
    return [(place, many, f"{many:,} in flight {title}") for place, title in PLACES.items() for many in IN_FLIGHT]


def blocking_is_faster(records):
    answers, left_out = {}, []
    for place, many, name in situations():
        loop = rates_of(records, place, many, LOOP)
        if is_limited(records, place, many, LOOP, FASTER):
            left_out.append(name)
            continue
        for way in THREADS:
            answers[f"{WAYS[way]}, {name}"] = at_least(rates_of(records, place, many, way), loop, FASTER)
    return judged(answers, left_out, "the number in flight and the distance")


def many_threads_do_fine(records):
    """Where the threads are at the limit, they could not fall behind the loop, and so it is no test."""
    answers, left_out = {}, []
    for place, title in PLACES.items():
        many = max(IN_FLIGHT)
        loop = rates_of(records, place, many, LOOP)
        for way in THREADS:
            if is_limited(records, place, many, way, 1):
                left_out.append(f"{WAYS[way]} {title}")
                continue
            answers[f"{WAYS[way]} {title}"] = at_least(rates_of(records, place, many, way), loop, AS_WELL)
    return judged(answers, left_out, "how threads are used")


def events_are_faster(records):
    """Than both ways to use threads. (Than the one that looks better would be a choice by the same figures.)"""
    answers, left_out = {}, []
    for place, many, name in situations():
        if any(is_limited(records, place, many, way, AHEAD) for way in THREADS):
            left_out.append(name)
            continue
        loop = rates_of(records, place, many, LOOP)
        answers[name] = all_of(
            {f"than {WAYS[way]}": at_least(loop, rates_of(records, place, many, way), AHEAD) for way in THREADS}
        )
    return judged(answers, left_out, "the number in flight and the distance")


def reached(records, connector):
    """{repetition: share of the healthy hosts that were reached before the wave ended}, in the fleet. (Not a rate: a
    wave with threads that are stuck lasts until its limit, so that its rate would be that of the limit.)"""
    return records.figures("fleet", share_of("connected"), connector=connector, target="accepting")


def dead_hosts(records):
    loop = reached(records, LOOP)
    answers = {
        "without a timeout they fall behind the loop": at_most(reached(records, NEW_THREADS), loop, AS_WELL),
        "with one they keep up": at_least(reached(records, "sndtimeo-threads"), loop, AS_WELL),
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
        shares, loop = reached(records, connector), reached(records, LOOP)
        costs = middle(records.figures("fleet", cpu, connector=connector, target="*"))
        kib = middle(records.figures("fleet", memory_kib, connector=connector, target="*"))
        shown = f"{100 * middle(shares):.0f} % of the healthy"
        figures = [shown, ratio_text(shares, loop), significant(costs / 1e3), memory(kib)]
        lines.append([f"`{connector}`, fleet, {100 - HEALTHY_SHARE} % dead", "512", *figures])
    return Table(
        ("how, where", "in flight", "connects/s, or reached", "against the loop", "CPU µs each", "memory"), lines
    )


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
        Claim("Blocking threads are 25 % faster than non-blocking I/O", TYMA, blocking_is_faster, needs_quiet=True),
        Claim(
            (
                "Programs with 100,000 threads do as well as event loops. Tested here with 4,096: they make at least"
                f" {AS_WELL} of the loop's rate"
            ),
            BEHREN,
            many_threads_do_fine,
            needs_quiet=True,
        ),
        Claim("Event loops are about 18 % faster than threads", PARIAG, events_are_faster, needs_quiet=True),
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
        (
            "§: the server used more than four fifths of its processor, so that it may have been the limit. Where"
            " nobody could be as much faster as a claim says, because the server or the round trip (64 in flight"
            " / 20 ms = 3,200/s) is the limit, the claim is not tested."
        ),
        (
            "The client has one processor (`--cpus`): threads cannot gain from a second one, as they could in the"
            " publications. What loops gain from it, the study sharding shows."
        ),
        (
            f"25 % and 18 % count as reached from {FASTER:.2f} and {AHEAD:.2f} times on. A connector whose ratio is"
            " near that can be undecided in one run and decided in another."
        ),
        (
            "The fleet has 512 in flight only. Of 64 places, dead hosts would take all (400 per second, for 200 ms"
            " each) even with the timeout, and 4,096 would not be used up before the wave ends."
        ),
        (
            "On a busy machine each thread has its share of the processor, so threads look faster than they are: next"
            " to ten threads of other programs they made 2.2 times the rate of the loop, with more CPU time for each"
            " connect. The first three claims are then not judged."
        ),
        (
            "Client and server share this machine. On loopback a blocking connect() hardly ever waits; 20 ms away all"
            " of them do."
        ),
        (
            "20 ms away, with 512 and more in flight, the link of the lab and the client share the"
            " processors: a difference that is seen there is one, but a small one may be hidden."
        ),
    ),
)
