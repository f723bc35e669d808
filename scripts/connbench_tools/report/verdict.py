"""The verdict: a few plain sentences, each computed from the records, and careful where they say little.

Two rates are told apart only when their ranges over the repetitions do not overlap, and there are at least three of
each.
"""

from .breaking import healthy_text, number, ramps, stopped_text
from .comparison import HARNESS, is_fleet, is_open_loop
from .distributions import gave_up
from .fleet import fleets, waited
from .searches import search_sentences
from .units import duration, exact_duration, listed, significant

ENOUGH = 3  # repetitions, for a range to mean something


class Sentence:
    """A sentence and what it is about."""

    def __init__(self, topic, text):
        self.topic, self.text = topic, text


def sentences(material, verdict_rows):
    found = [Sentence("Highest rate", text) for text in search_sentences(material)]
    found += [*rates(material), *givings_up(material), *added(material), *ramp_sentences(material)]
    found += [*fleet_sentences(material), *odd_outcomes(material), *judgements(verdict_rows)]
    return found


def ways(lines):
    return [line for line in lines if line.connector != HARNESS]


def times(ratio):
    return f"{significant(ratio, 2)} ×"


def told_apart(one, other):
    """Whether the ranges of two sorted lists of repetitions have nothing in common."""
    return min(len(one), len(other)) >= ENOUGH and (one[-1] < other[0] or other[-1] < one[0])


def rates(material):
    """Of each target in closed loop, at the most in flight: who connects fastest, slowest, and with least CPU."""
    highest = {}
    for load, lines in material.by_load(lambda line: not is_open_loop(line.load) and not is_fleet(line.load)).items():
        key = load._replace(concurrency=0)
        if key not in highest or load.concurrency > highest[key][0].concurrency:
            highest[key] = (load, lines)
    several = any(load.concurrency > 1 for load, _ in highest.values())
    for load, lines in highest.values():
        if several and load.concurrency == 1:
            continue  # measured for its latency
        measured = sorted((line for line in ways(lines) if line.rate()), key=lambda line: -line.rate())
        if measured:
            yield Sentence("Rate", f"{_place(material, load)}: {_rate_text(measured)}")
        with_cpu = sorted((line for line in measured if line.cpu_ns()), key=lambda line: line.cpu_ns())
        if len(with_cpu) > 1:
            least, most = with_cpu[0], with_cpu[-1]
            yield Sentence(
                "CPU", f"{_place(material, load)}: an attempt costs {least.connector} {duration(least.cpu_ns())} of CPU, "
                f"the least; {most.connector} {duration(most.cpu_ns())}, the most."
            )  # fmt: skip


def _place(material, load):
    return material.label(load).replace(", closed loop", "")


def _rate_text(measured):
    first = measured[0]
    text = f"{first.connector} connects {significant(first.rate())} times a second"
    if len(measured) == 1:
        return f"{text}; there is no other way to compare it with."
    last = measured[-1]
    level = [line.connector for line in measured[1:] if not told_apart(first.rates(), line.rates())]
    if min(len(first.rates()), len(last.rates())) < ENOUGH:
        text += f", and {last.connector} {significant(last.rate())}; that is the order of the medians only"
        return f"{text}: with fewer than {ENOUGH} repetitions nobody can say how sure it is."
    if len(level) == len(measured) - 1:
        text += f" by its median, but the ranges of all {len(measured)} overlap with its own"
        return f"{text}: none is told apart from it."
    text += f", {times(first.rate() / last.rate())} as fast as {last.connector} ({significant(last.rate())})"
    return f"{text}. Not told apart from it: {listed(level)}." if level else f"{text}, and ahead of all others."


def givings_up(material):
    for load, lines in material.by_load(gave_up).items():
        meant = [line for line in ways(lines) if 2 * line.outcomes["deadline_exceeded"] >= line.attempts]
        late = [(line.of("overshoot_p50_ns"), line) for line in meant]
        late = sorted(((value, line) for value, line in late if value is not None), key=lambda pair: pair[0])
        if not late:
            continue
        in_time = [pair for pair in late if pair[0] >= 0]
        early = [f"{line.connector} by {duration(-value)}" for value, line in late if value < 0]
        parts = []
        if in_time:
            value, line = in_time[0]
            parts.append(f"{line.connector} gave up {duration(value)} late{_tail(line)}")
        if len(in_time) > 1:
            value, line = in_time[-1]
            parts.append(f"{line.connector}, the last, {duration(value)}{_tail(line)}")
        if early:
            parts.append(f"too early: {listed(early)}")
        target = f"{load.run} · {load.target}" if material.several else load.target
        yield Sentence("Giving up", f"{target}, after a timeout of {exact_duration(load.timeout_ns)} (medians): "
                       f"{'; '.join(parts)}.")  # fmt: skip


def _tail(line):
    p99 = line.of("overshoot_p99_ns")
    return f" (p99 {duration(p99)})" if p99 is not None else ""


def added(material):
    for load, lines in material.by_load(lambda line: is_open_loop(line.load) or line.load.concurrency == 1).items():
        found = [(line.of("added_p50_ns"), line) for line in ways(lines) if line.sustained]
        found = sorted(((value, line) for value, line in found if value is not None), key=lambda pair: pair[0])
        if len(found) > 1:
            (least, best), (most, worst) = found[0], found[-1]
            yield Sentence("Added", f"{_place(material, load)}: {best.connector} adds {duration(least)} to the handshake, the "
                           f"least; {worst.connector} {duration(most)}, the most (medians).")  # fmt: skip
        slow = [line.connector for line in ways(lines) if not line.sustained]
        if slow:
            yield Sentence("Rate", f"{_place(material, load)}: {listed(slow)} did not sustain the offered rate.")


def ramp_sentences(material):
    for run in material.runs:
        for (resource, _, limit), by_connector in ramps(run).items():
            first = {name: steps for (name, repetition), steps in by_connector.items() if repetition in ("", "1")}
            for connector, steps in sorted(first.items(), key=lambda ramp: material.number[ramp[0]]):
                last = steps[-1]
                end = f"was stopped at {_count(last['pending'])} pending by {stopped_text(last)}"
                if not last["stopped_call"]:
                    end = f"held {_count(last['pending'])} pending, and nothing stopped it"
                if last["threads"]:
                    end += f", with {_count(last['threads'])} thread{'s' * (last['threads'] != '1')}"
                healthy = healthy_text(last) + " (p50 / p99)" * bool(last["healthy_p99_ns"])
                yield Sentence("Exhaustion", f"{resource} limited to {limit or '?'}: {connector} {end}; a healthy connect "
                               f"meanwhile: {healthy}.")  # fmt: skip


def _count(text):
    value = number(text)
    return "?" if value is None else f"{value:,.0f}"


def fleet_sentences(material):
    """How p99 of the healthy hosts grows from the smallest share of dead ones to the largest."""
    for (target, *_), by_connector in fleets(material).items():
        shares = {dead for points in by_connector.values() for dead, _ in points}
        low, high = min(shares), max(shares)
        grown, untold = [], []
        for connector, points in by_connector.items():
            at = {dead: waited(material, line, 0.99, "p99_ns") for dead, line in points}
            if connector != HARNESS and at.get(low) and at.get(high):
                grown.append((at[high] / at[low], connector, f"{duration(at[low])} to {duration(at[high])}"))
            elif connector != HARNESS:
                untold.append(connector)
        if low == high or not grown:
            continue
        grown.sort()
        text = f"From {low:.0%} to {high:.0%} dead hosts, the p99 of {target} goes {_times_text(*grown[0])}"
        text += f", and {_times_text(*grown[-1])}" if len(grown) > 1 else ""
        text += f"; too few attempts to say so of {listed(untold)}" if untold else ""
        yield Sentence("Healthy hosts", f"{text}.")


def _times_text(ratio, connector, span):
    return f"from {span} with {connector} ({times(ratio)})"


def odd_outcomes(material):
    """Who ended otherwise than the others under the same load."""
    by_outcome = {}
    for lines in material.by_load(lambda line: not is_fleet(line.load)).values():
        lines = ways(lines)
        usual = {max(line.outcomes, key=line.outcomes.get) for line in lines}
        common = max(usual, key=lambda name: sum(line.outcomes[name] for line in lines), default=None)
        for line in lines:
            for name, count in line.outcomes.items():
                if name != common and count:
                    found = by_outcome.setdefault((line.load.target, name), {})
                    counted = found.setdefault(line.connector, [0, 0])
                    counted[0] += count
                    counted[1] += line.attempts
    for (target, name), found in by_outcome.items():
        who = [f"{connector} ({count:,} of {attempts:,})" for connector, (count, attempts) in found.items()]
        yield Sentence("Outcomes", f"{target}, otherwise than most: {name} of {listed(who)}.")


def judgements(rows):
    if not rows:
        return
    by_verdict = {}
    for row in rows:
        by_verdict.setdefault(row["verdict"], []).append(f"{row['benchmark']} {row['metric']}")
    parts = [f"{len(names)} {verdict}" + (f" ({listed(names)})" if verdict != "same" else "")
             for verdict, names in by_verdict.items()]  # fmt: skip
    yield Sentence("Change", f"Of {len(rows)} judged figures, {', '.join(parts)}.")
