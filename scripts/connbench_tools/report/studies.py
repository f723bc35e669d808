"""The pages of studies whose runs are in a report: claims, verdicts, figures, and the chart as it was drawn."""

import base64
from html import escape

from ..failures import Unusable
from ..output import one_line
from ..records.files import read_text
from ..records.studies import read_study

FIGURE = "figure.svg"
SAYS = "A study tests what others published. Its rules were fixed before anything was measured."


def finished_studies(folders):
    """(folder, study.json) of each folder that a finished study has filled."""
    found = [(folder, read_study(folder)) for folder in folders]
    return [(folder, record) for folder, record in found if record and record["complete"]]


def studies_html(studies):
    """A section of the page; empty when no folder is that of a study."""
    if not studies:
        return ""
    return f"<section id=studies><h2>Study</h2><p>{SAYS}</p>{''.join(_study(*one) for one in studies)}</section>"


def _study(folder, record):
    parts = [f"<h3>{_text(record['study'])}: {_text(record['question'])}</h3>"]
    if record.get("quick"):
        parts.append("<p class=notice>Measured with --quick: no verdict to keep.</p>")
    parts.append(f"<p><b>Verdict: {_text(record['verdict'])}</b></p><ul class=answer>{_claims(record)}</ul>")
    parts += [_table(record["table"])] if record["table"] else []
    parts += [_figure(folder, record)] if record["chart"] else []
    parts += [_list("Not measured", record["not_done"]), _list("What this does not show", record["limits"])]
    return "".join(parts)


def _claims(record):
    return "".join(
        f"<li>{_text(one['text'])} ({_text(one['source'])}) "
        f"<b>{_text(one['verdict'])}</b>: {_text(one['because'])}</li>"
        for one in record["claims"]
    )


def _table(table):
    heads = "".join(f"<th scope=col>{_text(head)}</th>" for head in table["heads"])
    lines = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in line)}</tr>" for line in table["lines"])
    body = f"<thead><tr>{heads}</tr></thead><tbody>{lines}</tbody>"
    return f"<div class=scroll tabindex=0><table class=plain>{body}</table></div>"


def _figure(folder, record):
    title = _text(record["chart"]["title"])
    try:
        drawn = base64.b64encode(read_text(folder / FIGURE).encode()).decode()
    except Unusable:  # matplotlib was missing, and the study says so
        return f"<p>{title}: not drawn.</p>"
    return f'<figure><img alt="{title}" src="data:image/svg+xml;base64,{drawn}"></figure>'


def _list(head, lines):
    items = "".join(f"<li>{_text(line)}</li>" for line in lines)
    return f"<div class=whynot><b>{head}</b><ul>{items}</ul></div>" if items else ""


def _text(value):
    return escape(one_line(value).replace("`", ""))
