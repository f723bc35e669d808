"""All sections, in the order in which they are read, and the colours of the connectors."""

from . import breaking, distributions, fleet, loads
from .comparison import HARNESS

MOST_AT_FIRST = 7  # curves that a chart can have before somebody chooses: as many as there are colours


def all_sections(material):
    return [
        distributions.latency(material), distributions.overshoot(material), distributions.added(material),
        loads.scaling(material), breaking.exhaustion(material), fleet.fleet(material), loads.open_loop(material),
        loads.timeline(material),
    ]  # fmt: skip


def colour_order(runs):
    """Names of the connectors that were measured, in the order of their colours.

    Those in the most runs come first, then as they were given. The harness's own cost comes last: it is
    not a way to connect.
    """
    kept = {run.name: _measured(run) for run in runs}
    measured = set().union(*kept.values())
    order = list(dict.fromkeys(name for run in runs for name in run.connectors_in_order() if name in measured))
    in_runs = {name: sum(name in names for names in kept.values()) for name in order}
    return sorted(order, key=lambda name: (name == HARNESS, -in_runs[name], order.index(name)))


def _measured(run):
    return {row["connector"] for row in [*run.rows, *run.exhaustion]}


def shown_at_first(connectors):
    """Those that are switched on when the page is opened."""
    real = [name for name in connectors if name != HARNESS]
    return real[:MOST_AT_FIRST] if real else list(connectors)
