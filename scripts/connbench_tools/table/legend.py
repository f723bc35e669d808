"""What stands below the tables: what was measured how, and what was not."""

from ..records.repetitions import CHANCE, chance_of, differ, most_against, ranges_apart_by_chance
from ..records.waves import sustained
from ..units import counted, duration, exact_duration, listed
from .parts import delayed_by_the_path, keeps_no_short_deadline, waited_to_begin
from .rows import ADDED, CLOSE, COST, FAR, FAR_SECONDS, LATE


def load_text(rows):
    """accepting, burst, at most 256 in flight, 5 × 2000 attempts"""
    row = rows[0]
    repetitions = len({other["repetition"] for other in rows})
    load = f"{row['target']}, {row['scenario']}, at most {row['concurrency']} in flight"
    return f"{load}, {repetitions} × {row['attempts']} attempts"


def how_to_read(rows_of_loads):
    """What ranges and places mean with as many repetitions as there were."""
    repetitions = sorted({len({row["repetition"] for row in rows}) for rows in rows_of_loads if rows})
    return f"A cell is the median (and the range) of its repetitions. {chances_text(repetitions)}"


def chances_text(repetitions):
    """What the places in columns with these numbers of repetitions mean."""
    rules = [text for count in repetitions if (text := _rule(count))]
    if not rules:
        return "There are too few repetitions to tell rows apart."
    return (
        "**`#3–5`: the row ranks third, fourth or fifth in its column; the repetitions cannot tell which.** Two rows "
        f"differ if {'; '.join(rules)}. Of hundreds of pairs, some differ by chance. A column without places has too "
        "few repetitions to tell rows apart."
    )


def _rule(repetitions):
    """When two rows differ, and how often chance makes equal rows look so. Empty when there are too few repetitions."""
    against = most_against(repetitions)
    if against is not None:
        ahead = "all" if against == 0 else f"at least {repetitions - against}"
        chance = chance_of(against, repetitions)
        return f"the same one was ahead in {ahead} of {repetitions} repetitions {_by_chance(chance)}"
    chance = ranges_apart_by_chance(repetitions)
    return f"the ranges of {repetitions} repetitions do not overlap {_by_chance(chance)}" if chance <= CHANCE else ""


def _by_chance(chance):
    return f"(by chance, in 1 of {round(1 / chance):,} pairs of equal rows)"


def conditions(records):
    """Pinning, pools and stacks."""
    pinned = sorted(cpus for cpus in records.cpus if cpus)
    parts = [f"Processors: {'; '.join(pinned)}" if pinned else "Client and server may run on every processor"]
    for option, text in (("threads", "Pools have {} threads"), ("stack", "Threads have stacks of {}")):
        values = {given[option] for name, given in records.options.items() if option in given and "+" not in name}
        if values:
            parts.append(text.format(" or ".join(sorted(values))) + ", unless the name says otherwise")
    return ". ".join(parts) + "."


def versions(connectors):
    """What the programs in other languages were built with: `connectors` as in run.json."""
    programs = {name: facts["program"] for name, facts in connectors.items() if (facts or {}).get("program")}
    parts = [f"`{name}`: {version_of(program)}" for name, program in programs.items()]
    return f"Versions: {'; '.join(parts)}." if parts else ""


def version_of(program):
    """Rust 1.95.0, tokio 1.54.1"""
    named = [(program.get("language"), program.get("version"))]
    named += [(library["name"], library.get("version")) for library in program.get("libraries") or ()]
    return ", ".join(f"{name} {version or ''}".strip() for name, version in named if name)


def softirqs(records):
    """Whose CPU time the softirqs are on this kernel, and which figures may therefore be compared."""
    contained = records.accounting.get("softirqs_in_process_time")
    if contained is None:
        whose = "It is not known whether the client's CPU time contains softirqs"
    elif contained:
        whose = "On this kernel the client's CPU time contains the softirqs that its calls cause"
    else:
        whose = "On this kernel the client's CPU time does not contain softirqs (CONFIG_IRQ_TIME_ACCOUNTING)"
    return (
        f"{whose}: on loopback, they are the work of both ends of the handshake. Compare CPU times of one column only: "
        "with another target, family or kernel, another part of the work is the client's."
    )


def speed_legend(records):
    lines = []
    if records.rows[COST]:
        lines.append(f"**connects/s on loopback**: {load_text(records.rows[COST])}. {_wait_free()}")
    if records.rows[FAR]:
        most = int(records.rows[FAR][0]["concurrency"]) / FAR_SECONDS
        lines.append(
            f"**connects/s, 20 ms away**: {load_text(records.rows[FAR])}. So many in flight make at most "
            f"{most:,.0f}/s, and a pool at most {1 / FAR_SECONDS:.0f}/s with each thread: the column shows how near a "
            "connector comes."
        )
    bounded = [name for name in records.named(FAR) if delayed_by_the_path(records.of(FAR, name))]
    if bounded:
        lines.append(
            f"§ {', '.join(bounded)}: handshakes took more than a twentieth longer than the distance, so the limit was "
            "the link of the lab, or the machine. The rate is a lower bound."
        )
    if records.rows[ADDED]:
        lines.append(
            "**added µs**: the time that is added to the handshake as the kernel measures it, from just before the "
            f"first system call: {load_text(records.rows[ADDED])}. "
            "**before it**: from when the attempt was due until then: the wake-up of the loop, creating a thread, "
            "waiting for one of a pool, a library's timer. A caller waits for both."
        )
    slow = [name for name in records.named(ADDED) if not all(map(sustained, records.of(ADDED, name)))]
    if slow:
        lines.append(f"† {', '.join(slow)}: did not sustain the offered rate, so that fewer attempts were in flight.")
    alone = [name for name in records.named(COST) if name in records.named(ADDED) and not records.of(FAR, name)]
    if records.rows[FAR] and alone:
        lines.append(f"One attempt at a time, so not measured 20 ms away: {', '.join(alone)}.")
    return [*lines, "`-`: does not exist, or there are too few attempts for that percentile."]


def _wait_free():
    return (
        "A handshake on loopback ends within connect(), so threads do not wait there: this column shows what "
        "connecting costs, and not how well a connector waits."
    )


def cost_legend(records):
    lines = []
    if records.rows[COST]:
        lines.append(
            f"**CPU µs**, **system calls** (counted in a separate, untimed wave) and context **switches** per attempt, "
            f"**threads** (peak, sampled): {load_text(records.rows[COST])}. {softirqs(records)}"
        )
        lines.append(
            "**softirq**: counted in ticks on the client's processors, over all repetitions together. Between "
            "two rows, a difference of a third may be chance."
        )
    if records.memory:
        held = sorted({one.pending for measured in records.memory.values() for one in measured})
        lines.append(
            "**bytes** per pending attempt: resident memory of the process, including the touched part of the stacks; "
            "slab, kernel stacks and page tables of the kernel. "
            f"{held[0]}–{held[-1]} pending, `floor_bench`, median of "
            f"{counted(max(map(len, records.memory.values())), 'measurement')}."
        )
    return lines


def lateness_legend(records):
    lines = []
    for timeout in records.timeouts():
        rows = [row for row in records.rows[LATE] if int(row["timeout_ns"]) == timeout]
        lines.append(
            f"**after {exact_duration(timeout)}**: time past the deadline (negative: too early, which is no better): "
            f"{load_text(rows)}."
        )
    if any(row.get("reaped_overshoot_p50_ns") for row in records.rows[LATE]):
        lines.append(
            "**reaped**: until the caller had the outcome, which includes the work for others of the same batch."
        )
    waited = {
        f"{name} after {exact_duration(timeout)}: {duration(waited_to_begin(rows))}"
        for timeout in records.timeouts()
        for name in records.named(LATE)
        if waited_to_begin(rows := records.of(LATE, name, timeout))
    }
    if waited:
        lines.append(
            "† did not sustain the offered rate: its lateness does not contain that attempts waited for a thread first "
            f"(p50; {'; '.join(sorted(waited))})."
        )
    coarse = [name for name in records.named(LATE) if keeps_no_short_deadline(records, name)]
    if coarse:
        lines.append(f"‡ {', '.join(coarse)}: cannot keep such a short deadline; attempts end this late.")
    late = {
        timeout: {row["connector"] for row in records.rows[LATE] if int(row["timeout_ns"]) == timeout}
        for timeout in records.timeouts()
    }
    patient = [name for name in records.named(LATE) if any(name not in names for names in late.values())]
    if patient:
        lines.append(f"Cannot keep a shorter timeout, so not measured with one: {', '.join(patient)}.")
    skipped = {connector for connector, _ in records.skipped}
    endless = [name for name in records.named(ADDED) if name not in {*records.named(LATE), *skipped}]
    if records.rows[LATE] and endless:
        lines.append(
            f"No deadline of their own, or none so short, and not measured where no host answers: {', '.join(endless)}."
        )
    return lines


def closing_legend(records):
    rows = records.rows[CLOSE]
    return [
        "Every other load closes with RST, which leaves nothing behind. With FIN, both ends exchange and acknowledge "
        "FINs, and a connection stays in TIME_WAIT and keeps its port: "
        f"{load_text(rows)}, to as many addresses as that takes. A ratio is FIN / RST within a repetition: median and "
        "range; `equal`: not always on the same side of 1; `?`: too few repetitions to say."
    ]


def footnotes(records):
    lines = [f"Not measured: {line}" for line in records.lacks]
    for (connector, reason), targets in records.skipped.items():
        lines.append(f"Skipped: {connector} ({', '.join(sorted(targets))}): {reason}")
    for failure in records.failures:
        case = f"{failure.get('connector')} on {failure.get('target')}"
        lines.append(f"Failed, and in no figure: {case}: {failure.get('failure')}")
    if records.warnings:
        lines.append(
            f"{counted(len(records.warnings), 'warning')} in the records (`run.json`), the first: {records.warnings[0]}"
        )
    return lines


def order_of_rates(records, near, far):
    """A sentence: pairs of rows whose order on loopback is the reverse of that 20 ms away."""
    names = [
        name
        for name in records.named(FAR)
        if near.rows.get(name) and far.rows.get(name) and not delayed_by_the_path(records.of(FAR, name))
    ]
    turned = [
        (one, other)
        for one in names
        for other in names
        if _ahead(near.rows[one], near.rows[other]) and _ahead(far.rows[other], far.rows[one])
    ]
    if not turned:
        return None
    ahead = list(dict.fromkeys(one for one, _ in turned))
    return (
        f"The order depends on the distance: in {counted(len(turned), 'pair')} of rows, the one that is ahead on "
        f"loopback connects more slowly to the host 20 ms away. Ahead on loopback only: {listed(ahead, 8)}."
    )


def _ahead(ours, theirs):
    return differ(ours, theirs) is True and sum(ours.values()) / len(ours) > sum(theirs.values()) / len(theirs)
