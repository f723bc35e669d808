"""The search for a free source port: fast until all ports of one parity are taken, then slow."""

from connbench_tools.records.waves import median
from connbench_tools.study.chart import Lines
from connbench_tools.study.plan import LEFT_OUT, Claim, Lacking, Source, Step, Study, Table
from connbench_tools.study.verdicts import UNTESTABLE, Verdict, at_least, at_most, ratio_text, verdict_of
from connbench_tools.units import duration

CLOUDFLARE = Source("Frederick Lawler, Cloudflare", "connect() - why are you so slow?", 2024)
KERNEL = Source(
    "Eric Dumazet, Linux", "tcp: scale connect() under pressure” and “tcp: even faster connect() under stress", 2025
)
SLOWER = 10  # times: from here on the ports of the second parity count as found late
ALIKE = 3  # times: up to here both count as found alike; a cliff is far above, drift below
LATE = 400  # attempts at the end of a wave, which get the ports of the second parity
FIRST, LAST = slice(LATE, 3 * LATE), slice(-LATE, None)  # of the attempts of a wave
PURE = 0.9  # difference of the shares of odd ports: from here on the two parities count as apart
KERNELS_WAY, RANGE = "kernel", "range"  # +source-port:
# How the ports are occupied: connections that stay open, and connections in TIME_WAIT.
TITLES = {"held": "9,000 of 16,000, connections stay open", "full": "30,000 of 56,512, in TIME_WAIT"}


def times_of(records, kind, way):
    """The times of each wave, in the order of the attempts."""
    found = [wave.connecting() for wave in records.waves(f"{kind}-{way}")]
    if min(map(len, found)) < 4 * LATE:
        raise Lacking(f"only {min(map(len, found))} attempts connected")
    return found


def early_and_late(records, kind, way):
    """{repetition: median time} of the first and of the last attempts."""
    waves = list(enumerate(times_of(records, kind, way), 1))
    early = {place: float(median(times[FIRST])) for place, times in waves}
    return early, {place: float(median(times[LAST])) for place, times in waves}


def parities(records, kind, way):
    """(text, whether the last ports have another parity than the first ones); None where ports were not recorded."""
    waves = records.column(f"{kind}-{way}", "local_port")
    if waves is None:
        return None
    first, last = ([port % 2 for ports in waves for port in ports[part]] for part in (FIRST, LAST))
    shares = sum(first) / len(first), sum(last) / len(last)
    return f"{100 * shares[0]:.0f} % / {100 * shares[1]:.0f} %", abs(shares[0] - shares[1]) > PURE


def kinds(records):
    found = [kind for kind in TITLES if records.has(f"{kind}-{KERNELS_WAY}")]
    return found or list(TITLES)[:1]  # the reason why it is lacking is then that of the first


def cliff(records):
    answers = {}
    for kind in kinds(records):
        seen = parities(records, kind, KERNELS_WAY)
        if seen and not seen[1]:
            raise Lacking(f"the last ports are not of another parity than the first ones (odd: {seen[0]})")
        early, late = early_and_late(records, kind, KERNELS_WAY)
        answers[TITLES[kind]] = at_least(late, early, SLOWER)
    return verdict_of(answers, "how the ports are held")


def ranges(records):
    answers = {}
    for kind in kinds(records):
        early, late = early_and_late(records, kind, RANGE)
        answers[TITLES[kind]] = at_most(late, early, ALIKE)
    return verdict_of(answers, "how the ports are held")


def kernels(records):
    here = records.runs(f"{kinds(records)[0]}-{KERNELS_WAY}")[0].machine()
    return Verdict(
        UNTESTABLE, f"it compares two kernels, and this is one ({here}); `compare --across` compares two runs"
    )


def table(records):
    lines = []
    for kind in kinds(records):
        for way in (KERNELS_WAY, RANGE):
            early, late = early_and_late(records, kind, way)
            medians = [duration(median(figures.values())) for figures in (early, late)]
            odd = (parities(records, kind, way) or ("not recorded",))[0]
            lines.append([TITLES[kind], f"`+source-port:{way}`", *medians, ratio_text(late, early), odd])
    heads = (
        "ports taken at the end",
        "how",
        "first ports, p50",
        "last ports, p50",
        "last to first",
        "odd: first / last",
    )
    return Table(heads, lines)


def chart(records):
    kind, series = kinds(records)[-1], {}
    for way in (KERNELS_WAY, RANGE):
        times = times_of(records, kind, way)[0]
        size = max(1, len(times) // 60)
        starts = range(0, len(times) - size + 1, size)
        series[f"+source-port:{way}"] = [(at + size, float(median(times[at : at + size]))) for at in starts]
    return Lines(f"One connect() as ports run out: {TITLES[kind]}", "ns", "connections", series, log=True)


def steps():
    """Each run has a network of its own: connections of another one would occupy ports for a minute."""
    for way in (KERNELS_WAY, RANGE):
        yield Step(
            f"held-{way}",
            (
                f"run --connector blocking+source-port:{way}+close:hold --attempts 9000 {USUAL} "
                "--sysctl 'net.ipv4.ip_local_port_range=20000 35999'"
            ),
            rounds=5,
            if_known="--local-port",
        )
    for way in (KERNELS_WAY, RANGE):
        yield Step(
            f"full-{way}",
            (
                f"run --connector blocking+source-port:{way}+close:fin --attempts 30000 {USUAL} "
                "--sysctl 'net.ipv4.ip_local_port_range=9024 65535' --sysctl net.ipv4.tcp_tw_reuse=0"
            ),
            LEFT_OUT,
            rounds=5,
            if_known="--local-port",
        )


USUAL = "--target accepting --concurrency 1 --repetitions 1 --addresses 1 --samples all --timeout 5s --wave-limit 60s"

STUDY = Study(
    question="How long does connect() search for a source port when half of them are taken?",
    claims=(
        Claim(
            (
                "With one destination, ports of one parity are found immediately and the others late: 0.025 ms against"
                " 4.59 ms per connect over 56,512 connections"
            ),
            CLOUDFLARE,
            cliff,
        ),
        Claim("With IP_LOCAL_PORT_RANGE, both are found alike (0.029 ms), from Linux 6.8 on", CLOUDFLARE, ranges),
        Claim("Two series of patches make such a search about 200 % and 229 % faster", KERNEL, kernels),
    ),
    steps=tuple(steps()),
    table=table,
    chart=chart,
    limits=(
        (
            "Where samples.csv has no local_port, parity is inferred: the kernel takes all ports of one parity first,"
            " so the last attempts of a wave have the other one."
        ),
        (
            f"The published mean covers all ports of the second parity, these figures the last {LATE} attempts of a"
            " wave, which has filled the first parity and begun with the second."
        ),
        (
            f"The first claim holds when the last ports take at least {SLOWER} times as long as the first ones"
            f" (published: 184 times), the second when they take at most {ALIKE} times as long. The ratio grows with"
            " the number of ports, and the times are those of another processor: only the run with 56,512 ports, which"
            " --quick leaves out, may be compared with the published ones."
        ),
        (
            "The last attempts always come after the first ones, so a machine that slows down within a wave would look"
            " alike. The runs with IP_LOCAL_PORT_RANGE are the control: same order, same connections."
        ),
        "That older kernels than Linux 6.8 find them less alike is not tested: this is one kernel.",
        "TIME_WAIT occupies a port as an open connection does (net.ipv4.tcp_tw_reuse is 0), without a descriptor.",
    ),
)
