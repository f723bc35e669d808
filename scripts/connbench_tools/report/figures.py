"""The charts as SVG and PNG, from the same data as the page. The same records give the same bytes."""

import io
import math

import matplotlib

matplotlib.use("Agg")
# Fixed, so that no file depends on the day, the process or the user.
matplotlib.rcParams.update(
    {
        "svg.hashsalt": "connbench",
        "svg.fonttype": "path",
        "font.family": "DejaVu Sans",
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#e3e6eb",
        "axes.edgecolor": "#9aa4b2",
        "axes.labelcolor": "#30343b",
        "xtick.color": "#5b6472",
        "ytick.color": "#5b6472",
        "lines.linewidth": 1.8,
        "text.parse_math": False,
    }
)
from matplotlib import pyplot  # noqa: E402
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator  # noqa: E402

from ..failures import Unusable  # noqa: E402
from ..output import write_bytes  # noqa: E402
from ..units import exact_duration  # noqa: E402
from .sections import PALETTE, shown_at_first  # noqa: E402

LINEAR_NS = 10_000  # an axis of signed durations is linear up to here, on both sides of zero
SIZE = (7.2, 4.2)  # inches


def write_figures(material, sections, wanted):
    """Writes each chart as SVG and PNG, for the load that the page shows first or for all loads. Returns the paths."""
    known = [chart["id"] for section in sections for chart in section["charts"]]
    for name in wanted.only:
        if name not in known:
            raise Unusable(f"--only {name}: there is no such chart, only {', '.join(known)}")
    wanted.folder.mkdir(parents=True, exist_ok=True)
    made, shown = [], {material.number[name] for name in shown_at_first(material.connectors)}
    for section in sections:
        for number, view in enumerate(section["views"] if wanted.all_loads else section["views"][:1], 1):
            for chart in (chart for chart in section["charts"] if not wanted.only or chart["id"] in wanted.only):
                curves = [curve for curve in view["data"].get(chart["of"], []) if curve["c"] in shown]
                curves = [(curve, *points_of(curve, chart["form"])) for curve in curves]
                curves = [drawn for drawn in curves if len(drawn[1])]
                if curves:
                    name = chart["id"] + (f"-{number}" if number > 1 else "")
                    made += _draw(material, chart, view, curves, wanted.folder / name)
    return made


def points_of(curve, form):
    """Like data.js: percentiles at 1/(1-q), as far as the attempts support them."""
    if form == "xy":
        return curve["x"], curve["y"]
    of = curve["of"]
    if form == "ecdf":
        return curve["values"], [rank / of for rank in curve["ranks"]]
    ranked = zip(curve["ranks"], curve["values"])
    kept = [(of / (of - rank), y) for rank, y in ranked if rank <= curve["sure"] and rank < of]
    return [x for x, _ in kept], [y for _, y in kept]


def _draw(material, chart, view, curves, path):
    figure, axes = pyplot.subplots(figsize=SIZE, layout="constrained")
    try:
        for curve, x, y in curves:
            _line(axes, material.connectors[curve["c"]], curve, x, y)
        _scale(axes.set_xscale, axes.xaxis, chart["x"], [x for _, xs, _ in curves for x in xs], chart)
        heights = [y for curve, _, ys in curves for y in (*ys, *curve.get("low", ()), *curve.get("high", ()))]
        _scale(axes.set_yscale, axes.yaxis, chart["y"], [y for y in heights if y is not None], chart)
        _endless_ranges(axes, curves)
        if chart["y"]["unit"] == "share":
            axes.set_ylim(0, 1.01)
        axes.set_xlabel(chart["x"]["label"])
        axes.set_ylabel(chart["y"]["label"])
        figure.suptitle(chart["title"], x=0.01, ha="left", fontweight="bold")
        axes.set_title(view["label"], loc="left", fontsize=8.5, color="#5b6472")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=4, frameon=False, fontsize=9)
        made = [path.with_name(path.name + ending) for ending in (".svg", ".png")]
        formats = {"metadata": {"Date": None, "Creator": "connbench"}}, {
            "dpi": 144,
            "metadata": {"Software": "connbench"},
        }
        for file, how in zip(made, formats):
            drawn = io.BytesIO()
            figure.savefig(drawn, format=file.suffix[1:], **how)
            write_bytes(file, drawn.getvalue(), follow_links=False)
        return made
    finally:
        pyplot.close(figure)


def _line(axes, name, curve, x, y):
    colours = PALETTE["light"]
    dash = PALETTE["dashes"][curve["c"] // len(colours) % len(PALETTE["dashes"])]
    line = (0, [part / 2 for part in dash]) if dash else "-"
    style = {"color": colours[curve["c"] % len(colours)], "linestyle": line}
    few = "o" if len(x) <= 24 else None
    axes.plot(
        x,
        y,
        label=name if not name.startswith("_") else f" {name}",
        marker=few,
        markersize=4,
        drawstyle="steps-post" if curve.get("steps") else "default",
        **style,
    )
    if "low" in curve:
        ends = [[middle if end is None else end for end, middle in zip(curve[side], y)] for side in ("low", "high")]
        axes.vlines(x, *ends, color=style["color"], linewidth=1.2)
    for i, text in curve.get("marks", []):
        axes.plot(x[i], y[i], marker="X", markersize=9, color=style["color"])
        axes.annotate(text, (x[i], y[i]), xytext=(7, -3), textcoords="offset points", fontsize=8)


def _endless_ranges(axes, curves):
    """A range over the repetitions that has no end, to the edge of the chart."""
    edges = axes.get_ylim()
    for curve, x, y in curves:
        colour = PALETTE["light"][curve["c"] % len(PALETTE["light"])]
        for side, edge in zip(("low", "high"), edges):
            for i, end in enumerate(curve.get(side, ())):
                if end is None:
                    axes.vlines(x[i], y[i], edge, color=colour, linewidth=1.2)
    axes.set_ylim(edges)


def _scale(set_scale, axis, spec, values, chart):
    formatter = FuncFormatter(lambda value, _: _tick(value, spec["unit"]))
    if spec["log"] and min(values) > 0:
        set_scale("log")
        if spec["unit"] == "percentile":
            axis.set_ticks([x for x in (1, 2, 10, 100, 1_000, 10_000, 100_000) if x <= max(values) * 1.1])
        elif spec["unit"] == "count" and len(set(values)) <= 12 and chart["form"] == "xy" and spec is chart["x"]:
            axis.set_ticks(sorted(set(values)))
        else:
            base = 1024 if spec["unit"] == "KiB" and max(values) > 2048 else 1
            axis.set_ticks(_log_ticks(min(values), max(values), base))
        axis.set_minor_locator(NullLocator())
        axis.set_minor_formatter(NullFormatter())
    elif spec["log"] and min(values) < 0:
        set_scale("symlog", linthresh=LINEAR_NS)
    axis.set_major_formatter(formatter)


def _log_ticks(low, high, base):
    """Powers of ten of the unit, with as many values between them as have room, and one beyond each end."""
    decades = math.log10(high / low) if high > low else 0
    within = (1, 1.5, 2, 3, 4, 5, 7) if decades < 0.7 else (1, 2, 5) if decades < 2.5 else (1,)
    powers = range(math.floor(math.log10(low / base)), math.ceil(math.log10(high / base)) + 1)
    ticks = [n * 10.0**power * base for power in powers for n in within]
    return [x for x in ticks if low / 1.3 <= x <= high * 1.3]


def _tick(value, unit):
    if unit == "percentile":
        return f"p{100 * (1 - 1 / value):.6g}"
    if unit == "share":
        return f"{100 * value:.4g} %"
    if unit in ("ns", "s"):
        return "0" if value == 0 else ("−" if value < 0 else "") + exact_duration(abs(round(value)))
    if unit == "KiB":
        return f"{value / 1024:.3g} MiB" if value >= 1024 else f"{value:.3g} KiB"
    if value % 100 and value < 1e5:
        return f"{value:,.6g}"  # 1,024
    return f"{value / 1e6:g}M" if value >= 1e6 else f"{value / 1e3:g}k" if value >= 1e3 else f"{value:g}"
