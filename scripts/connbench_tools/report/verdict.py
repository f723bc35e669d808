"""The verdict: a few sentences, each computed from the records, and cautious where the records say little.

Two connectors are distinguished only when chance would hardly do that to equal ones (records/repetitions.py).
"""

from ..records.repetitions import by_repetition, differ, number

from ..records.waves import each_per_attempt, is_harness, rate_of
from ..units import duration, exact_duration, listed, significant
from .comparison import in_fleet, is_steady
from .distributions import timed_out
from .exhaustion import healthy_text, ramps, stopped_text
from .exhaustion import number as number_in
from .fleet import fleets, waited
from .searches import search_sentences

ENOUGH = 5  # repetitions that can tell two connectors apart


class Sentence:
    """A sentence and its topic."""

    def __init__(self, topic, text):
        self.topic, self.text = topic, text


def sentences(material, verdict_rows):
    found = [Sentence("Highest rate", text) for text in search_sentences(material)]
    found += [*rates(material), *timeouts(material), *added(material), *ramp_sentences(material)]
    found += [*fleet_sentences(material), *odd_outcomes(material), *judgements(verdict_rows)]
    return found


def without_harness(lines):
    return [line for line in lines if not is_harness(line.connector)]


def times(ratio):
    return f"{significant(ratio, 2)} times"


def level_with(first, others, figure):
    """Those of the other lines that cannot be told apart from the first by a figure of their rows."""
    best = by_repetition(first.rows, figure)
    return [line.connector for line in others if not differ(best, by_repetition(line.rows, figure))]


def certainty(ordered, figure):
    """What the repetitions say about the first of an order of lines; empty when it differs from all others."""
    if any(len(by_repetition(line.rows, figure)) < ENOUGH for line in (ordered[0], ordered[-1])):
        return f" Fewer than {ENOUGH} repetitions do not show how certain that is."
    level = level_with(ordered[0], ordered[1:], figure)
    return f" Not distinguishable from {ordered[0].connector}: {listed(level)}." if level else ""


def rate_in(row):
    return rate_of(row) if row["makespan_ns"] else None


def cpu_in(row):
    return next(iter(each_per_attempt([row], "cpu_ns")), None)


def rates(material):
    """For each target in closed loop, with the most in flight: the fastest and slowest connector, and the cheapest."""
    highest = {}
    for load, lines in material.by_load(lambda line: not is_steady(line.load) and not in_fleet(line.load)).items():
        key = load._replace(concurrency=0)
        if key not in highest or load.concurrency > highest[key][0].concurrency:
            highest[key] = (load, lines)
    several = any(load.concurrency > 1 for load, _ in highest.values())
    for load, lines in highest.values():
        if several and load.concurrency == 1:
            continue  # measured for its latency
        measured = sorted((line for line in without_harness(lines) if line.rate()), key=lambda line: -line.rate())
        if measured:
            yield Sentence("Rate", f"{_place(material, load)}: {_rate_text(measured)}")
        with_cpu = sorted((line for line in measured if line.cpu_ns()), key=lambda line: line.cpu_ns())
        if len(with_cpu) > 1:
            least, most = with_cpu[0], with_cpu[-1]
            text = f"{least.connector} needs the least CPU time per attempt, {duration(least.cpu_ns())}"
            text += f"; {most.connector} needs the most, {duration(most.cpu_ns())}"
            yield Sentence("CPU", f"{_place(material, load)}: {text}.{certainty(with_cpu, cpu_in)}")


def _place(material, load):
    return material.label(load).replace(", closed loop", "")


def _rate_text(measured):
    first = measured[0]
    text = f"{first.connector} makes {significant(first.rate())} connections per second"
    if len(measured) == 1:
        return f"{text}; no other connector was measured."
    last = measured[-1]
    level = level_with(first, measured[1:], rate_in)
    if min(len(first.rates()), len(last.rates())) < ENOUGH:
        text += f", {last.connector} {significant(last.rate())}. This is only the order of the medians"
        return f"{text}: fewer than {ENOUGH} repetitions do not show how certain it is."
    if len(level) == len(measured) - 1:
        return f"{text} by its median, but cannot be told apart from the other {len(level)}: none is clearly fastest."
    text += f", {times(first.rate() / last.rate())} the rate of {last.connector} ({significant(last.rate())})"
    return f"{text}. Not distinguishable from it: {listed(level)}." if level else f"{text}, and more than all others."


def timeouts(material):
    """How late attempts time out, for connectors whose attempts mostly do."""
    for load, lines in material.by_load(timed_out).items():
        meant = [line for line in without_harness(lines) if 2 * line.outcomes["deadline_exceeded"] >= line.attempts]
        late = [(line.of("overshoot_p50_ns"), line) for line in meant]
        late = sorted(((value, line) for value, line in late if value is not None), key=lambda pair: pair[0])
        if not late:
            continue
        in_time = [pair for pair in late if pair[0] >= 0]
        early = [f"{line.connector} by {duration(-value)}" for value, line in late if value < 0]
        parts = []
        if in_time:
            value, line = in_time[0]
            parts.append(f"{line.connector} times out {duration(value)} late{_tail(line)}")
        if len(in_time) > 1:
            value, line = in_time[-1]
            parts.append(f"{line.connector} is the latest, {duration(value)} late{_tail(line)}")
        if early:
            parts.append(f"too early: {listed(early)}")
        target = f"{load.run} · {load.target}" if material.several else load.target
        text = f"{target}, timeout {exact_duration(load.timeout_ns)} (medians): {'; '.join(parts)}."
        if len(in_time) > 1:
            text += certainty([line for _, line in in_time], number("overshoot_p50_ns"))
        yield Sentence("Timeouts", text)


def _tail(line):
    parts = []
    for name, column in (("p99", "overshoot_p99_ns"), ("received by its caller", "reaped_overshoot_p50_ns")):
        if line.of(column) is not None:
            parts.append(f"{name} {duration(line.of(column))}")
    return f" ({', '.join(parts)})" if parts else ""


def added(material):
    """The time that is added to the handshake, and the connectors that did not sustain the offered rate."""
    for load, lines in material.by_load(lambda line: is_steady(line.load) or line.load.concurrency == 1).items():
        lines = without_harness(lines)
        found = [(line.of("added_p50_ns"), line) for line in lines if line.sustained]
        found = sorted(((value, line) for value, line in found if value is not None), key=lambda pair: pair[0])
        if len(found) > 1:
            (least, best), (most, worst) = found[0], found[-1]
            text = f"{best.connector} adds the least to the handshake, {duration(least)}"
            text += f"; {worst.connector} adds the most, {duration(most)} (medians)"
            sure = certainty([line for _, line in found], number("added_p50_ns"))
            yield Sentence("Added", f"{_place(material, load)}: {text}.{sure}")
        slow = [line.connector for line in lines if not line.sustained]
        if slow:
            yield Sentence("Rate", f"{_place(material, load)}: {listed(slow)} did not sustain the offered rate.")


def ramp_sentences(material):
    """Where each ramp ended, and what healthy connects took at that point."""
    for run in material.runs:
        for (resource, _, limit), by_connector in ramps(run).items():
            first = {name: steps for (name, repetition), steps in by_connector.items() if repetition in ("", "1")}
            for connector, steps in sorted(first.items(), key=lambda ramp: material.number[ramp[0]]):
                text = f"{resource} limited to {limit or '?'}: {connector} {_ramp_text(steps[-1])}"
                yield Sentence("Exhaustion", f"{text}.")


def _ramp_text(last):
    text = f"had {_count(last['pending'])} attempts pending"
    if last["threads"]:
        text += f" with {_count(last['threads'])} thread{'s' * (last['threads'] != '1')}"
    text += f", stopped by {stopped_text(last)}" if last["stopped_call"] else ", and nothing stopped it"
    healthy = healthy_text(last) + " (p50 / p99)" * bool(last["healthy_p99_ns"])
    return f"{text}; healthy connects meanwhile: {healthy}"


def _count(text):
    value = number_in(text)
    return "?" if value is None else f"{value:,.0f}"


def fleet_sentences(material):
    """How the p99 of healthy hosts grows from the smallest share of dead hosts to the largest."""
    for (target, *_), by_connector in fleets(material).items():
        shares = {dead for points in by_connector.values() for dead, _ in points}
        low, high = min(shares), max(shares)
        grown, unknown = [], []
        for connector, points in by_connector.items():
            at = {dead: waited(material, line, 0.99, "p99_ns") for dead, line in points}
            if not is_harness(connector) and at.get(low) and at.get(high):
                grown.append((at[high] / at[low], connector, f"{duration(at[low])} to {duration(at[high])}"))
            elif not is_harness(connector):
                unknown.append(connector)
        if low == high or not grown:
            continue
        grown.sort()
        text = f"From {low:.0%} to {high:.0%} dead hosts, the p99 of {target} goes {_growth_text(*grown[0])}"
        text += f", and {_growth_text(*grown[-1])}" if len(grown) > 1 else ""
        text += f"; too few attempts with {listed(unknown)} to say" if unknown else ""
        yield Sentence("Healthy hosts", f"{text}.")


def _growth_text(ratio, connector, span):
    return f"from {span} with {connector} ({growth(ratio)})"


def growth(ratio):
    """A ratio of durations: 3 % more, 23 % less, 5.9 times as long"""
    if ratio >= 2:
        return f"{times(ratio)} as long"
    percent = round(100 * (ratio - 1))
    return "unchanged" if percent == 0 else f"{percent} % more" if percent > 0 else f"{-percent} % less"


def odd_outcomes(material):
    """Outcomes that differ from the most common one under the same load."""
    by_outcome = {}
    for lines in material.by_load(lambda line: not in_fleet(line.load)).values():
        lines = without_harness(lines)
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
        yield Sentence("Outcomes", f"{target}: unlike most attempts, these ended as {name}: {listed(who)}.")


def judgements(rows):
    """How many figures of a regression gate got which verdict."""
    if not rows:
        return
    by_verdict = {}
    for row in rows:
        by_verdict.setdefault(row["verdict"], []).append(f"{row['benchmark']} {row['metric']}")
    parts = [
        f"{len(names)} {verdict}" + (f" ({listed(names)})" if verdict != "same" else "")
        for verdict, names in by_verdict.items()
    ]
    yield Sentence("Change", f"Of {len(rows)} judged figures, {', '.join(parts)}.")
