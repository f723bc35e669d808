"""The tables of all connectors, in Markdown."""

from pathlib import Path

from ..failures import Unusable
from ..output import one_line, write_text
from ..records.files import read_text
from . import legend, parts, runtimes
from .cells import whole
from .rows import CLOSE, COST, FAR, LATE

BEGIN, END = "<!-- table:begin -->", "<!-- table:end -->"


def table(everything):
    """All tables, each with its legend. Programs have their own, at the end."""
    origin = next(iter(everything.origins), "")
    records = everything.linked()
    sections = [
        one_line(f"{origin}. {legend.conditions(records)}"),
        legend.how_to_read(everything.rows.values()),
        _section("How fast they connect", parts.speed(records), _speed_lines(records)),
        _section("What they cost", parts.cost(records), legend.cost_legend(records)),
    ]
    if records.rows[LATE]:
        sections.append(_section("How late they give up", parts.lateness(records), legend.lateness_legend(records)))
    if records.rows[CLOSE]:
        sections.append(_section("What closing with FIN costs", parts.closing(records), legend.closing_legend(records)))
    if everything.programs:
        programs = everything.in_other_languages()
        sections.append(_section("In other languages", runtimes.table(programs), runtimes.legend(programs)))
    notes = legend.footnotes(everything)
    if notes:
        sections.append(_list(notes))
    return "\n\n".join(sections) + "\n"


def _speed_lines(records):
    near, far = (parts.column(records, role, parts.rate, whole) for role in (COST, FAR))
    turned = legend.order_of_rates(records, near, far)
    return ([turned] if turned else []) + legend.speed_legend(records)


def _section(title, text, lines):
    return f"### {title}\n\n{text}" + (f"\n\n{_list(lines)}" if lines else "")


def _list(lines):
    return "\n".join(f"- {one_line(line)}" for line in lines)


def write_between_markers(path, text):
    """Replaces the text between the two markers of a file."""
    path = Path(path)
    old = read_text(path)
    if old.count(BEGIN) != 1 or old.count(END) != 1 or old.index(BEGIN) > old.index(END):
        raise Unusable(f"{path}: needs one {BEGIN}, and one {END} after it")
    before, rest = old.split(BEGIN)
    write_text(path, f"{before}{BEGIN}\n{text}{END}{rest.split(END)[1]}")
