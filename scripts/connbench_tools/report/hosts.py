"""The hosts of a cluster's run: what each is, how well its clock was known, and its part of the rates."""

from html import escape

from ..records.waves import is_fleet, median
from ..units import significant
from .scrolling import scrolling

BAR_WIDTH = 160  # pixels of the longest bar


def hosts_html(runs):
    """A table of the hosts, and one of their rates, for each run of a cluster; "" without such a run."""
    return "".join(_of_run(run) for run in runs if run.facts["cluster"].get("hosts"))


def lost_hosts(run):
    """What is said above all figures of hosts that were lost."""
    for loss in run.facts["cluster"].get("lost") or ():
        yield f"{run.name}: the host {loss.get('host')} was lost ({loss.get('why')}); what follows was not measured."


def _of_run(run):
    hosts = run.facts["cluster"]["hosts"]
    heads = ("host", "rank", "does", "Linux", "processors", "largest clock bound", "largest drift")
    rows = [_row([_host_cell(host, key) for key in ("name", "rank", "does")] + _facts_of(host)) for host in hosts]
    return f"<h3>Hosts of {escape(run.name)}</h3>{_table(heads, rows, 'Table of hosts')}{_rates(run, hosts)}"


def _host_cell(host, key):
    return str(host.get(key, "?"))


def _facts_of(host):
    clocks = [clock for clock in host.get("clocks") or () if clock.get("bound_ns") is not None]
    bound = max((clock["bound_ns"] for clock in clocks), default=None)
    drift = max((abs(clock.get("drift_ppm") or 0) for clock in clocks), default=None)
    return [
        str((host.get("kernel") or {}).get("release") or "?"),
        str(host.get("processors") or "?"),
        "" if bound is None else f"{significant(bound / 1e3)} µs",
        "" if drift is None else f"{significant(drift) if drift else 0} ppm",
    ]


def _rates(run, hosts):
    """The median rate of each host, with a bar, for each case."""
    names = {str(host.get("rank")): str(host.get("name")) for host in hosts}
    cases = {}
    for row in run.host_rows:
        case = (row["connector"], row["scenario"] if is_fleet(row["target"]) else row["target"], row["concurrency"])
        cases.setdefault(case, {}).setdefault(row["rank"], []).append(row["connects_per_s"])
    medians = {case: {rank: median(rates) for rank, rates in ranks.items()} for case, ranks in cases.items()}
    most = max((rate for ranks in medians.values() for rate in ranks.values() if rate), default=0)
    rows = [
        _row([*case[:2], case[2], names.get(rank, rank), significant(rate) if rate else ""], _bar(rate, most))
        for case, ranks in medians.items()
        for rank, rate in ranks.items()
    ]
    heads = ("connector", "target", "in flight, all hosts", "host", "connects/s, median", "")
    return _table(heads, rows, "Table of the hosts' rates") if rows else ""


def _bar(rate, most):
    if not rate or not most:
        return ""
    width = max(1, round(BAR_WIDTH * rate / most))
    return (
        f'<svg width="{BAR_WIDTH}" height="12" role="img" aria-label="{significant(rate)} of {significant(most)}">'
        f'<rect width="{width}" height="12" fill="#0072b2"></rect></svg>'
    )


def _row(cells, picture=None):
    text = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f"<tr>{text}{'' if picture is None else f'<td>{picture}</td>'}</tr>"


def _table(heads, rows, name):
    head = "".join(f"<th scope=col>{escape(text)}</th>" for text in heads)
    return scrolling(f"<table class=facts><tr>{head}</tr>{''.join(rows)}</table>", name)
