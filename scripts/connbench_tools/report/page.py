"""A self-contained page: data, code and style are inside, and it may load nothing else.

All text from records passes through html.escape(), or through embedded(), which leaves no `<`.
"""

import base64
import datetime
import hashlib
import json
import re
from html import escape
from pathlib import Path

from .exhaustion import EXHAUSTION_HEAD, exhaustion_table
from .machine import machine_html, notices
from .regression import regression_html
from .scrolling import scrolling
from .searches import searches_html
from .sections import PALETTE, shown_at_first
from .studies import studies_html
from .table import SERVER_PERCENT, table_html
from .verdict import answers

HERE = Path(__file__).resolve().parent
SCRIPTS = ("format.js", "state.js", "data.js", "draw.js", "chart.js", "table.js", "main.js")


def page(material, sections, sentences, judged, studies=()):
    script = _text("vendor/uplot/uPlot.iife.min.js") + '\n(() => {\n"use strict";\n'
    script += "\n".join(_text(f"web/{name}") for name in SCRIPTS) + "})();\n"
    style = _text("vendor/uplot/uPlot.min.css") + _text("web/report.css")
    options, table = table_html(material)
    return _text("web/page.html").format(
        policy=f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'",
        title=escape(title(material)),
        subtitle=escape(subtitle(material.runs)),
        style=style,
        script=script,
        notices=_notices([*notices(material.runs), *material.lost_samples()]),
        studies=studies_html(studies),
        verdict=_verdict(sentences),
        options=options,
        table=scrolling(f"<table id=table>{table}</table>", "Comparison table"),
        server_percent=SERVER_PERCENT,
        any_row="" if material.lines else "No wave was finished, so there is nothing to compare.",
        searches=(searches := searches_html(material)),
        navigation=_navigation(sections, searches),
        to_study='<a href="#studies">Study</a>' if studies else "",
        sections="".join(_section(material, section) for section in sections),
        judged=regression_html(judged),
        machine=machine_html(material.runs),
        data=embedded(payload(material, sections)),
    )


def payload(material, sections):
    """The data of the charts. Many curves have the same ranks, which are kept once."""
    pool = {}
    packed = json.loads(json.dumps(sections))
    for section in packed:
        for view in section["views"]:
            for curve in (curve for curves in view["data"].values() for curve in curves):
                if "ranks" in curve:
                    curve["ranks"] = pool.setdefault(tuple(curve["ranks"]), len(pool))
    return {
        "connectors": material.connectors,
        "first": shown_at_first(material.connectors),
        "palette": PALETTE,
        "ranks": [list(ranks) for ranks in pool],
        "sections": packed,
    }


def embedded(value):
    """JSON for a script element: nothing in it can end the element, or open a comment."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c").replace(">", "\\u003e")


def title(material):
    names = [str(run.facts.get("run_id", run.name)) if len(material.runs) == 1 else run.name for run in material.runs]
    return f"connbench: {material.name or ', '.join(names) or 'verdicts'}"


def subtitle(runs):
    stamps = [run.began() for run in runs]
    known = [stamp for stamp in stamps if stamp]
    when = ""
    if known:
        moment = datetime.datetime.fromtimestamp(min(known) // 10**9, datetime.timezone.utc)
        when = f"{moment:%Y-%m-%d %H:%M} UTC"
    attempts = sum(run.attempts() for run in runs)
    named = f"{len(runs)} runs: {', '.join(run.name for run in runs)}" if len(runs) > 1 else ""
    parts = [when, named, f"{attempts:,} attempts" if attempts else ""]
    return " · ".join(part for part in parts if part)


def _text(name):
    return (HERE / name).read_text(encoding="utf-8")


def _hash(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _navigation(sections, searches):
    links = [("searches", "Highest rates")] if searches else []
    links += [(section["id"], section["title"]) for section in sections]
    return "".join(f'<a href="#{identity}">{escape(name)}</a>' for identity, name in links)


def _notices(texts):
    return "".join(f"<p class=notice role=note>{_prose(text)}</p>" for text in texts)


_WHOLE = re.compile(r"(?<![\w-])--[a-z][a-z-]*|(?<![\w.,&#;])[\d.,]*\d (?:ns|µs|ms|s|%|[KMG]iB)\b")


def _prose(text):
    """A sentence whose flags and figures are not broken at the end of a line: browsers would break after a hyphen, and
    before a unit."""
    return _WHOLE.sub(r"<span class=whole>\g<0></span>", escape(text))


def _verdict(sentences):
    if not sentences:
        return "<h2>Verdict</h2><p>The records do not suffice for a verdict.</p>"
    items = (
        f'<li><b><a href="#{one.section}">{escape(one.topic)}</a></b> <span>{_prose(one.text)}</span></li>'
        for one in sentences
    )
    return f"{_answer(sentences)}<h2>Verdict</h2><ul class=verdict>{''.join(items)}</ul>"


def _answer(sentences):
    """What the page begins with: which connector to use, as far as this run decides it."""
    found = answers(sentences)
    items = [f'{_prose(one.answer)} <a href="#{one.section}">figures</a>' for one in found]
    items = items or ["This run does not say: no connector is ahead of the others in a way that chance would not be."]
    lines = "".join(f"<li>{item}</li>" for item in items)
    return f"<h2>Which should I use?</h2><ul class=answer>{lines}</ul>"


def _section(material, section):
    views = section["views"]
    parts = [f'<section id="{section["id"]}" data-section="{section["id"]}"><h2>{escape(section["title"])}</h2>']
    if views:
        options = "".join(f"<option value={i}>{escape(view['label'])}</option>" for i, view in enumerate(views))
        parts.append(f"<label class=pick>Load <select data-view>{options}</select></label><p class=note data-note></p>")
        parts += [f"<div class='charts of{len(section['charts'])}'>", *map(_chart, section["charts"]), "</div>"]
    if section["why_not"]:
        items = "".join(f"<li>{_prose(text)}</li>" for text in section["why_not"])
        parts.append(f"<div class=whynot><b>Not drawn</b><ul>{items}</ul></div>")
    rows = exhaustion_table(material) if section["id"] == "exhaustion" else []
    if rows:
        parts.append(_plain_table(EXHAUSTION_HEAD, rows, "Table of the ramps"))
    return "".join([*parts, "</section>"])


def _chart(chart):
    identity, name = chart["id"], escape(chart["title"])
    return (
        f'<figure data-chart="{identity}"><figcaption><h3>{name}</h3><p>{escape(chart["says"])}</p></figcaption>'
        f'<div class=plot tabindex=0 role=group aria-label="{name}: use the arrow keys to read values"></div>'
        f"<p class=empty hidden></p><div class=legend></div>"
        f'<button type=button class=csv aria-label="{name} as CSV">CSV</button></figure>'
    )


def _plain_table(head, rows, name):
    heads = "".join(f"<th scope=col>{escape(text)}</th>" for text in head)
    body = "".join(
        f"<tr><th scope=row>{escape(row[0])}</th>{''.join(f'<td>{escape(text)}</td>' for text in row[1:])}</tr>"
        for row in rows
    )
    return scrolling(f"<table class=plain><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>", name)
