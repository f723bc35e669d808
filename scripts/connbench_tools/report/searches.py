"""The highest rates that searches found (connbench run --find-rate): a table, and sentences for the verdict."""

from html import escape

from ..records.waves import is_harness
from ..units import listed, significant
from .comparison import Load, load_text
from .scrolling import scrolling

HEAD = ("connector", "load", "goal", "highest rate that held", "lowest that did not", "waves", "how it ended")
SAYS = (
    "The highest rate at which a goal held, by connector; higher is better. p99&lt;5ms means that 99 of 100 attempts "
    "connected within 5 ms of their intended start. A search doubles the rate until the goal no longer holds, then "
    "narrows "
    "it down; at each rate the majority of waves decides. The true limit lies between the two rates, provided that the "
    "speed of the machine did not change. Two connectors whose pairs of rates overlap cannot be distinguished."
)


class Search:
    """One entry of `rates` in run.json."""

    def __init__(self, run, entry):
        texts = ("connector", "goal", "failure", "scenario", "target", "family")
        self.connector, self.goal, self.failure, scenario, target, family = (entry.get(key) or "" for key in texts)
        numbers = ("held_per_s", "not_held_per_s", "waves")
        self.held, self.not_held, self.waves = (entry.get(key) for key in numbers)
        sizes = (entry.get(key) or 0 for key in ("concurrency", "shards", "timeout_ns"))
        # Without the rate in the scenario, at which the search began: readers would take it for the result.
        self.load = Load(run.name, scenario.rpartition(":")[0], target, family, *sizes)

    def ended(self):
        if self.failure:
            return f"not found: {self.failure}"
        if self.held is None:
            return "not started" if self.not_held is None else "the goal held at no rate that was tried"
        return "found" if self.not_held is not None else "the goal held at every rate that was tried"


def rate_text(value):
    return "-" if value is None else f"{significant(value)}/s"


def searches_of(run):
    """In the order in which the connectors were given."""
    order = run.connectors_in_order()
    found = [Search(run, entry) for entry in run.facts["rates"]]
    return sorted(found, key=lambda one: order.index(one.connector) if one.connector in order else len(order))


def by_goal(runs):
    """Searches with the same goal under the same load, which are comparable."""
    groups = {}
    for run in runs:
        for search in searches_of(run):
            groups.setdefault((search.load, search.goal), []).append(search)
    return groups


def searches_html(material):
    """A section of the page; empty when no run has searched."""
    rows = [_row(material, search) for found in by_goal(material.runs).values() for search in found]
    if not rows:
        return ""
    heads = "".join(f"<th scope=col>{escape(text)}</th>" for text in HEAD)
    table = f"<table class=plain><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    framed = scrolling(table, "Table of the searches")
    return f"<section id=searches><h2>Highest rates</h2><p>{SAYS}</p>{framed}</section>"


def _row(material, search):
    cells = (
        load_text(search.load, material.several),
        search.goal,
        rate_text(search.held),
        rate_text(search.not_held),
        "?" if search.waves is None else f"{search.waves:,}",
        search.ended(),
    )
    texts = "".join(f"<td>{escape(text)}</td>" for text in cells)
    return f"<tr><th scope=row>{escape(search.connector)}</th>{texts}</tr>"


def search_sentences(material):
    """For each goal that held with any connector: a sentence, and what it means for "which should I use?" ("" when the
    searches leave more than half of the connectors)."""
    for (load, goal), found in by_goal(material.runs).items():
        held = [one for one in found if one.held is not None and not one.failure and not is_harness(one.connector)]
        held.sort(key=lambda one: -one.held)
        if not held:
            continue
        first, last = held[0], held[-1]
        text = f"{load_text(load, material.several)}, {goal}: {first.connector} meets it up to {rate_text(first.held)}"
        level = [one for one in held[1:] if one.not_held is None or one.not_held > first.held]
        if len(held) > 1:
            text += f", the highest rate; {last.connector} up to {rate_text(last.held)}, the lowest"
            if last in level:
                text += " (too close for the search to distinguish)"
            elif level:
                text += f"; too close to {first.connector} for the search to distinguish: {_names(level)}"
        best = [first, *level]
        answer = f"For the highest rate that meets {goal} ({load_text(load, material.several)}): {_names(best)}, up to "
        answer += f"{rate_text(best[-1].held)} or more." if level else f"{rate_text(first.held)}."
        yield f"{text}.", answer if 2 * len(best) <= len(held) else ""


def _names(searches):
    return listed(one.connector for one in searches)
