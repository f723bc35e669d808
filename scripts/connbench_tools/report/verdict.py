"""The verdict: a few sentences, each computed from the records, and cautious where the records say little (claims.py).
Before them, an answer to "which should I use?", which consists of what the repetitions have decided.
"""

from ..records.repetitions import number

from ..records.samples import numpy
from ..records.waves import each_per_attempt, is_harness, rate_of
from ..units import duration, exact_duration, honest_digits, listed, significant
from .claims import ENOUGH, Ranking, level_with
from .comparison import CUT_OFF, Line, in_fleet, is_steady
from .distributions import timed_out
from .exhaustion import healthy_text, ramps, stopped_text
from .exhaustion import number as number_in
from .fleet import fleets, waited
from .searches import search_sentences

MOST_ANSWERS = 5
# Where the page shows the figures of a topic; and the order in which the answer takes topics.
SECTIONS = {
    "Healthy hosts": "fleet",
    "Rate": "comparison",
    "Timeouts": "overshoot",
    "Added": "added",
    "CPU": "comparison",
    "Highest rate": "searches",
    "Exhaustion": "exhaustion",
    "Outcomes": "comparison",
    "Change": "regression",
}


class Sentence:
    """A sentence and its topic. `answer`: what it means for "which should I use?", if the repetitions decide that."""

    def __init__(self, topic, text, answer=""):
        self.topic, self.text, self.answer = topic, text, answer

    @property
    def section(self):
        return SECTIONS[self.topic]


def answers(said):
    """At most five of the sentences, those that answer which connector to use: one for each topic."""
    first = {}
    for one in said:
        if one.answer:
            first.setdefault(one.topic, one)
    return [first[topic] for topic in SECTIONS if topic in first][:MOST_ANSWERS]


def sentences(material, verdict_rows):
    found = [Sentence("Highest rate", *said) for said in search_sentences(material)]
    found += [*rates(material), *timeouts(material), *added(material), *ramp_sentences(material)]
    found += [*fleet_sentences(material), *odd_outcomes(material), *judgements(verdict_rows)]
    return found


def without_harness(lines):
    return [line for line in lines if not is_harness(line.connector)]


def times(ratio):
    return f"{significant(ratio, 2)} times"


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
            yield Sentence(
                "Rate", f"{_place(material, load)}: {_rate_text(measured)}", _rate_answer(material, measured)
            )
        cpu = Ranking(measured, lambda line: line.cpu_ns() or None, cpu_in, duration)
        if len(cpu.lines) > 1:
            yield Sentence(
                "CPU",
                f"{_place(material, load)}: CPU time per attempt: {cpu.text('least', 'most')}.",
                _answer(cpu, f"For the least CPU time per attempt ({_place(material, load)})"),
            )


def _answer(ranking, purpose):
    """ "" when the repetitions leave more than half of the connectors: that is no advice."""
    decides = ranking.tells_apart and 2 * len(ranking.best) <= len(ranking.lines)
    return f"{purpose}: {ranking.names(ranking.best)}." if decides else ""


def _rate_answer(material, measured):
    rates = Ranking(
        measured, lambda line: -line.rate(), rate_in, lambda rate, digits: f"{significant(-rate, digits)}/s"
    )
    return _answer(rates, f"For the most connections per second ({_place(material, measured[0].load)})")


def _place(material, load):
    return material.label(load).replace(", closed loop", "")


def _shown_rate(line):
    return significant(line.rate(), honest_digits(line.rates()))


def _rate_text(measured):
    first = measured[0]
    text = f"{first.connector} makes {_shown_rate(first)} connections per second"
    if len(measured) == 1:
        return f"{text}; no other connector was measured."
    last = measured[-1]
    level = [line.connector for line in level_with(first, measured[1:], rate_in)]
    if min(len(first.rates()), len(last.rates())) < ENOUGH:
        text += f", {last.connector} {_shown_rate(last)}. This is only the order of the medians"
        return f"{text}: fewer than {ENOUGH} repetitions do not show how certain it is."
    if len(level) == len(measured) - 1:
        return f"{text} by its median, but cannot be told apart from the other {len(level)}: none is clearly fastest."
    if last.connector not in level:
        text += f", {times(first.rate() / last.rate())} the rate of {last.connector} ({_shown_rate(last)})"
    return f"{text}. Not distinguishable from it: {listed(level)}." if level else f"{text}, and more than all others."


def timeouts(material):
    """How late attempts time out, for connectors whose attempts mostly do. One that gives up early is not compared: a
    small lateness in the median would hide that."""
    by_load = material.by_load(timed_out)
    for load, lines in by_load.items():
        meant = [line for line in without_harness(lines) if 2 * line.outcomes["deadline_exceeded"] >= line.attempts]
        hasty = {id(line): text for line in meant if (text := early_text(material, line))}
        in_time = [line for line in meant if id(line) not in hasty]
        late = Ranking(in_time, lambda line: line.of("overshoot_p50_ns"), number("overshoot_p50_ns"), duration)
        parts = []
        if late.lines:
            ends = dict.fromkeys([late.lines[0], late.lines[-1]])
            tails = [f"{line.connector} {_tail(line)}" for line in ends if _tail(line)]
            parts.append(f"{late.text('least late', 'latest')}" + (f" ({'; '.join(tails)})" if tails else ""))
        parts += [f"before the deadline: {listed(hasty.values(), 99)}"] if hasty else []
        if parts:
            which = _timeout_place(material, load, by_load)
            answer = _answer(late, f"For timeouts that are kept ({which}), least late in the median")
            yield Sentence("Timeouts", f"{which}, given up after the deadline by (p50): {'; '.join(parts)}.", answer)


def _timeout_place(material, load, loads):
    """A load by its target and timeout; by everything, where others have the same two."""
    said = (load.run, load.target, load.timeout_ns)
    alike = [other for other in loads if (other.run, other.target, other.timeout_ns) == said]
    if len(alike) > 1:
        return _place(material, load)
    target = f"{load.run} · {load.target}" if material.several else load.target
    return f"{target}, timeout {exact_duration(load.timeout_ns)}"


def early_text(material, line):
    """libuv, 48 % of its timeouts, by up to 1 ms; "" when none gave up before its deadline."""
    waves = material.waves_of(line)
    late = numpy.concatenate([wave.overshoot(line.load.timeout_ns) for wave in waves]) if waves else numpy.array(())
    early = late[late < 0]
    if len(early):
        share = 100 * len(early) / len(late)
        shown = "less than 0.1 %" if share < 0.1 else f"{share:.2g} %"
        return f"{line.connector} ({shown} of its timeouts, by up to {duration(float(-early.min()))})"
    middle = line.of("overshoot_p50_ns")  # without samples
    if middle is None or middle >= 0:
        return ""
    return f"{line.connector} (at least half of its timeouts, by {duration(-middle)} in the median)"


def _tail(line):
    parts = []
    for name, column in (("p99", "overshoot_p99_ns"), ("received by its caller", "reaped_overshoot_p50_ns")):
        if line.of(column) is not None:
            parts.append(f"{name} {duration(line.of(column))}")
    return ", ".join(parts)


def added(material):
    """The time that is added to the handshake, and the connectors that did not sustain the offered rate."""
    for load, lines in material.by_load(lambda line: is_steady(line.load) or line.load.concurrency == 1).items():
        lines = without_harness(lines)
        kept = [line for line in lines if line.sustained]
        found = Ranking(kept, lambda line: line.of("added_p50_ns"), number("added_p50_ns"), duration)
        if len(found.lines) > 1:
            place = _place(material, load)
            answer = _answer(found, f"For the least added to the handshake ({place})")
            text = f"{place}: added to the handshake (p50): {found.text('least', 'most')}."
            yield Sentence("Added", text, answer)
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


def _percent(share):
    return f"{100 * share:.3g} %"


def fleet_sentences(material):
    """The p99 of healthy hosts at the largest share of dead hosts. Connectors are ranked by this level: a ratio would
    reward one that is slow without dead hosts, and has their noise in its base."""
    for (target, *_), by_connector in fleets(material).items():
        shares = {dead for points in by_connector.values() for dead, _ in points}
        low, high = min(shares), max(shares)
        if low == high:
            continue
        at = {name: dict(points) for name, points in by_connector.items() if not is_harness(name)}
        lines = [points[high] for points in at.values() if high in points]
        levels = Ranking(lines, lambda line: p99_of(material, line), lambda row: p99_in(material, lines, row), duration)
        unknown = [name for name, points in at.items() if points.get(high) not in levels.lines]
        if not levels.lines:
            continue
        text = f"With {_percent(high)} dead hosts, p99 of {target}: {levels.text('lowest', 'highest')}"
        ends = dict.fromkeys([levels.lines[0], levels.lines[-1]])
        before = [(line.connector, at[line.connector].get(low)) for line in ends]
        before = [f"{name} {duration(p99)}" for name, line in before if line and (p99 := p99_of(material, line))]
        text += f"; with {_percent(low)}: {', '.join(before)}" if before else ""
        text += f"; too few attempts with {listed(unknown)} to say" if unknown else ""
        answer = _answer(levels, f"If hosts may be dead (p99 of {target} with {_percent(high)} of them)")
        yield Sentence("Healthy hosts", f"{text}.", answer)


def p99_of(material, line):
    return waited(material, line, 0.99, "p99_ns")


def p99_in(material, lines, row):
    """The same, of one repetition."""
    (line,) = [line for line in lines if any(row is own for own in line.rows)]
    return p99_of(material, Line(line.load, line.connector, [row]))


def odd_outcomes(material):
    """Outcomes that differ from the most common one under the same load. Each count is of that load's attempts."""
    for load, lines in material.by_load(lambda line: not in_fleet(line.load)).items():
        lines = without_harness(lines)
        usual = {max(line.outcomes, key=line.outcomes.get) for line in lines}
        common = max(usual, key=lambda name: sum(line.outcomes[name] for line in lines), default=None)
        for name in lines[0].outcomes if lines else ():
            found = [line for line in lines if name != common and line.outcomes[name]]
            if found:
                yield Sentence("Outcomes", f"{_place(material, load)}: {_odd_text(name, found, len(lines))}.")


def _odd_text(name, found, of_lines):
    who = listed(f"{line.connector} ({line.outcomes[name]:,} of {line.attempts:,})" for line in found)
    what = CUT_OFF.get(name, f"ended as {name}")
    if len(found) == of_lines > 1:
        return f"with every connector, some attempts {what}: {who}"
    return f"unlike most attempts, these {what}: {who}" if of_lines > 1 else f"some attempts {what}: {who}"


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
