"""The one chart of a study: as text for a terminal, and as SVG."""

import io
from dataclasses import dataclass, field

from ..output import write_bytes
from ..units import duration, exact_duration, memory, significant

WIDTH = 40  # characters of the longest bar
MOST_ROWS = 16  # of the chart as text
FIGURE = "figure.svg"


@dataclass(frozen=True)
class Bars:
    """`bars`: (label, value, least, greatest); the last two may be None. `unit`: ns, KiB, share, or a noun."""

    title: str
    unit: str
    bars: list
    log: bool = False


@dataclass(frozen=True)
class Lines:
    """`series`: {name: [(x, y), …]}."""

    title: str
    unit: str
    x: str
    series: dict = field(default_factory=dict)
    log: bool = False


def as_json(chart):
    common = {"title": chart.title, "unit": chart.unit, "log": chart.log}
    if isinstance(chart, Bars):
        return common | {"bars": [[str(label), *map(_plain, rest)] for label, *rest in chart.bars]}
    series = {name: [[_plain(x), _plain(y)] for x, y in points] for name, points in chart.series.items()}
    return common | {"x": chart.x, "series": series}


def _plain(value):
    return None if value is None else float(value)


def value_text(value, unit):
    if unit == "ns":
        return duration(value)
    if unit == "KiB":
        return size_text(value)
    if unit == "share":
        return f"{significant(100 * value)} %" if value else "0 %"
    return f"{significant(value) if abs(value) < 1000 else f'{value:,.0f}'} {unit}".strip()


def size_text(kib):
    """Memory; below a KiB in bytes."""
    return memory(kib) if kib >= 1 else f"{1024 * kib:.0f} B"


def as_text(chart):
    """A bar for each value; of lines, for some of their points."""
    rows = [(label, value) for label, value, *_ in chart.get("bars", ())]
    many = sum(map(len, chart.get("series", {}).values()))
    step = max(1, -(-many // MOST_ROWS))
    for name, points in chart.get("series", {}).items():
        kept = points[::step] if points[-1:] == points[::step][-1:] else [*points[::step], points[-1]]
        rows += [(f"{name}, {round(x, 1):,.6g} {chart['x']}", y) for x, y in kept]
    known = [value for _, value in rows if value]
    if not known:
        return chart["title"]
    labels, most = max(len(label) for label, _ in rows), max(known)
    lines = [
        f"{label:<{labels}}  {_bar(value, most):<{WIDTH}}  {value_text(value, chart['unit'])}" for label, value in rows
    ]
    return "\n".join([chart["title"], "", *lines])


def _bar(value, most):
    eighths = round(8 * WIDTH * max(0, value or 0) / most)
    return "█" * (eighths // 8) + (" ▏▎▍▌▋▊▉"[eighths % 8]).strip()


def write_figure(chart, path):
    """Draws the chart into a file. Returns why not, else None."""
    try:
        from ..report.figures import PALETTE, pyplot
    except ImportError as error:
        return f"no figure was drawn: {error}; apt-get install python3-matplotlib"
    figure, axes = pyplot.subplots(figsize=(7.2, 4.2), layout="constrained")
    try:
        if "bars" in chart:
            _draw_bars(axes, chart, PALETTE["light"][0])
        else:
            _draw_lines(axes, chart, PALETTE["light"])
        figure.suptitle(chart["title"], x=0.01, ha="left", fontweight="bold", fontsize=10)
        drawn = io.BytesIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": "connbench"})
        write_bytes(path, drawn.getvalue(), follow_links=False)
    finally:
        pyplot.close(figure)
    return None


def _draw_bars(axes, chart, colour):
    labels = [label for label, *_ in chart["bars"]]
    values = [value or 0 for _, value, *_ in chart["bars"]]
    axes.barh(labels, values, color=colour, height=0.6)
    for place, (_, value, low, high) in enumerate(chart["bars"]):
        if low is not None and high is not None:
            axes.hlines(place, low, high, color="#1f2430", linewidth=1.2)
        end = max(x for x in (value, high, 0) if x is not None)
        axes.annotate(f" {value_text(value or 0, chart['unit'])}", (end, place), va="center", fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.18)
    axes.set_axisbelow(True)
    axes.set_xlabel(_axis(chart["unit"]))
    _ticks(axes.set_xscale, axes.xaxis, chart, chart["log"] and all(value > 0 for value in values))


def _draw_lines(axes, chart, colours):
    for place, (name, points) in enumerate(chart["series"].items()):
        few = "o" if len(points) <= 24 else None
        axes.plot(*zip(*points), label=name, color=colours[place % len(colours)], marker=few, markersize=4)
    axes.set_xlabel(chart["x"])
    axes.set_ylabel(_axis(chart["unit"]))
    _ticks(axes.set_yscale, axes.yaxis, chart, chart["log"])
    axes.legend(frameon=False, fontsize=9)


def _ticks(set_scale, axis, chart, is_log):
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    if is_log:
        set_scale("log")
        low, high = axis.get_view_interval()
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
        axis.set_minor_formatter(NullFormatter())
    else:
        axis.set_major_locator(MaxNLocator(5))
    axis.set_major_formatter(lambda value, _: _tick(value, chart["unit"]))


def _tick(value, unit):
    if unit == "ns":
        return exact_duration(round(value)) if value else "0"
    return value_text(value, unit) if unit in ("KiB", "share") else f"{value:,.6g}"  # the axis names the unit


def _axis(unit):
    return {"ns": "time", "KiB": "memory", "share": "share of the attempts"}.get(unit, unit)
