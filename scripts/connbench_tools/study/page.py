"""The page of a study, and the table of all studies, in Markdown. Both follow from study.json alone."""

from ..output import in_cell, one_line
from ..table.cells import table_text
from . import chart as charts

PAGE, FIGURE = "page.md", charts.FIGURE
QUICK = "Measured with `--quick`: few attempts, to see whether it works. No verdict to keep."


def page_text(record):
    parts = [f"# {record['study']}: {one_line(record['question'])}"]
    parts += [QUICK] if record.get("quick") else []
    parts += [f"**Verdict: {record['verdict']}**"]
    parts += [_claim(number, claim, len(record["claims"])) for number, claim in enumerate(record["claims"], 1)]
    if record["table"]:
        parts.append(f"## Measured\n\n{table_text(record['table']['heads'], record['table']['lines'])}")
    if record["chart"]:
        parts.append(f"## Chart\n\n```text\n{charts.as_text(record['chart'])}\n```")
    if record["not_done"]:
        parts.append(f"## Not measured\n\n{_list(record['not_done'])}")
    if record["limits"]:
        parts.append(f"## What this does not show\n\n{_list(record['limits'])}")
    parts.append("## By hand\n\n```sh\n" + "\n".join(_commands(record["steps"])) + "\n```")
    where = f"{record['machine']}, commit {record['commit']}, as {record['user']}, {record['seconds']:.0f} s."
    parts.append(f"{one_line(where)} The rules are in `studies/{record['study']}.py`.")
    return "\n\n".join(parts) + "\n"


def _claim(number, claim, count):
    head = f"**Claim{f' {number}' if count > 1 else ''}**: {one_line(claim['text'])} ({one_line(claim['source'])})"
    return f"{head}\n\n**{one_line(claim['verdict'])}**: {one_line(claim['because'])}"


def _commands(steps):
    """A line for each step; of one with several rounds, the first round."""
    rounds = {}
    for step in steps:
        rounds.setdefault(step["name"], []).append(one_line(step["command"]))
    return [each[0] + (f"  # {len(each)} times, in turns" if len(each) > 1 else "") for each in rounds.values()]


def _list(lines):
    return "\n".join(f"- {one_line(line)}" for line in lines)


def overview(records, folder):
    """A row for each study. `records`: {name: study.json, or the Study itself where nothing was measured}; `folder`: of
    the records, as a link of the document."""
    heads = ["study", "claim", "year", "source", "what was measured here", "verdict"]
    lines = []
    for name, record in records.items():
        if isinstance(record, dict):
            claims = [
                (one["text"], one["year"] or "undated", one["source"], one["because"], one["verdict"])
                for one in record["claims"]
            ]
            link = f"[{name}]({folder}/{name}/{PAGE})"
        else:
            claims = [
                (one.text, one.source.year or "undated", one.source.text(), "-", "not measured yet")
                for one in record.claims
            ]
            link = name
        columns = zip(*claims)
        lines.append([link, *map(_stacked, columns)])
    return table_text(heads, lines).replace("<BR>", "<br>").replace("--:", ":--")


def _stacked(values):
    """Several claims in one cell, numbered."""
    texts = [in_cell(value) for value in values]
    if len(texts) == 1:
        return texts[0]
    if len(set(texts)) == 1:
        return texts[0]
    return "<BR>".join(f"{number}. {text}" for number, text in enumerate(texts, 1))
