"""The highest rates that searches found (connbench run --find-rate): a table, and what the verdict says of them."""

from html import escape

from .comparison import HARNESS, load_text
from .runs import Load
from .units import significant

HEAD = ("connector", "load", "goal", "highest rate that held", "lowest that did not", "waves", "how it ended")
SAYS = (
    "The highest rate at which a goal held, by connector; higher is better. p99&lt;5ms means that of every hundred attempts "
    "99 were connected within 5 ms of when they were due. A search doubles the rate until the goal no longer holds, then narrows "
    "it down; at each rate the majority of waves decides. So the truth lies between the two rates, as far as the machine was as "
    "fast all the while, and two ways whose pairs of rates overlap are not told apart."
)


class Search:
    """One entry of `rates` in run.json."""

    def __init__(self, run, entry):
        self.connector, self.goal, self.failure, scenario, target, family = (
            str(entry.get(key) or "") for key in ("connector", "goal", "failure", "scenario", "target", "family")
        )
        self.held, self.not_held, self.waves, *sizes = (
            _number(entry.get(key)) for key in ("held_per_s", "not_held_per_s", "waves", "concurrency", "shards", "timeout_ns")
        )
        # The rate in its scenario is where the search began, and would be taken for a result.
        self.load = Load(run.name, scenario.rpartition(":")[0], target, family, *(size or 0 for size in sizes))

    def ended(self):
        if self.failure:
            return f"not found: {self.failure}"
        if self.held is None:
            return "not begun" if self.not_held is None else "no rate that was tried held it"
        return "found" if self.not_held is not None else "every rate that was tried held it"


def _number(value):
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def rate_text(value):
    return "-" if value is None else f"{significant(value)}/s"


def searches_of(run):
    """In the order in which the connectors were given."""
    order = run.connectors_in_order()
    found = [Search(run, entry) for entry in run.facts["rates"] if isinstance(entry, dict)]
    return sorted(found, key=lambda one: order.index(one.connector) if one.connector in order else len(order))


def by_goal(runs):
    """Searches under one load with one goal, which can be compared."""
    groups = {}
    for run in runs:
        for search in searches_of(run):
            groups.setdefault((search.load, search.goal), []).append(search)
    return groups


def searches_html(material):
    """Nothing when no run has searched."""
    rows = [_row(material, search) for found in by_goal(material.runs).values() for search in found]
    if not rows:
        return ""
    heads = "".join(f"<th scope=col>{escape(text)}</th>" for text in HEAD)
    return (
        f"<section id=searches><h2>Highest rates</h2><p>{SAYS}</p><div class=scroll tabindex=0><table class=plain><thead><tr>{heads}"
        f"</tr></thead><tbody>{''.join(rows)}</tbody></table></div></section>"
    )


def _row(material, search):
    cells = (load_text(search.load, material.several), search.goal, rate_text(search.held), rate_text(search.not_held),
             "?" if search.waves is None else f"{search.waves:,}", search.ended())  # fmt: skip
    texts = "".join(f"<td>{escape(text)}</td>" for text in cells)
    return f"<tr><th scope=row>{escape(search.connector)}</th>{texts}</tr>"


def search_sentences(material):
    """(what is searched, what was found) of each goal that any way to connect held."""
    for (load, goal), found in by_goal(material.runs).items():
        held = [one for one in found if one.held is not None and not one.failure and one.connector != HARNESS]
        held.sort(key=lambda one: -one.held)
        if not held:
            continue
        first, last = held[0], held[-1]
        text = f"{load_text(load, material.several)}, {goal}: {first.connector} holds it up to {rate_text(first.held)}"
        if len(held) > 1:
            level = last.not_held is None or last.not_held > first.held
            text += f", the most; {last.connector} up to {rate_text(last.held)}, the least"
            text += ", which the search does not tell apart" if level else ""
        yield f"{text}."
