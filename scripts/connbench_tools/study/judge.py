"""From the records of a study to study.json: the verdict on each claim, the figures, and the chart."""

import json
import os
import traceback
from datetime import datetime, timezone

from ..failures import Unusable, say
from ..output import write_text
from ..records.facts import read_facts
from ..records.run import Run
from ..records.studies import FILE, SCHEMA
from . import chart as charts
from .catalogue import fingerprint
from .finished import Finished
from .page import FIGURE, PAGE, page_text
from .plan import Lacking
from .verdicts import UNTESTABLE, Verdict, overall, title_of

MOST_NOTES = 12
BUSY = 0.25  # threads of other programs for each processor, on average: from here on the machine counts as busy
BUGS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)  # of a rule whose records are odd


def begin(folder, name, study, is_quick, commit):
    """Marks the folder: whoever finds it like this knows that the study was interrupted."""
    folder.mkdir(parents=True)
    began = int(datetime.now(timezone.utc).timestamp() * 1e9)
    record = {"study_schema": SCHEMA, "study": name, "complete": False, "quick": is_quick, "question": study.question}
    record |= {"began_ns": began, "fingerprint": fingerprint(name), "commit": commit}
    record["user"] = "root" if os.geteuid() == 0 else "an ordinary user"
    _write(folder, record)
    return record


def finish(folder, study, record, entries, seconds):
    """Judges the claims, and writes study.json, the figure and the page."""
    record = record | {"steps": entries, "seconds": round(seconds, 1), "limits": list(study.limits)}
    finished, bugs = Finished(folder, entries), []
    verdicts = [_verdict(claim, finished, bugs) for claim in study.claims]
    record["claims"] = [
        {
            "text": claim.text,
            "source": claim.source.text(),
            "year": claim.source.year,
            "verdict": title_of(verdict),
            "because": verdict.because,
        }
        for claim, verdict in zip(study.claims, verdicts)
    ]
    record["verdict"] = title_of(overall(verdicts))
    table, drawn = _attempt(study.table, finished, bugs), _attempt(study.chart, finished, bugs)
    notes = _not_done(folder, entries)
    known = [entry["why_not"] for entry in entries if entry["why_not"]]
    for what, made in (("table", table), ("chart", drawn)):
        if isinstance(made, Lacking) and not any(why_not in str(made) for why_not in known):
            notes.append(f"no {what}: {made}")
    record["table"] = None if isinstance(table, Lacking) else {"heads": list(table.heads), "lines": table.lines}
    record["chart"] = None if isinstance(drawn, Lacking) else charts.as_json(drawn)
    if record["chart"] and (why_not := charts.write_figure(record["chart"], folder / FIGURE)):
        notes.append(why_not)
    record |= {"not_done": notes, "machine": _machine(folder, entries), "complete": True}
    record["broke"] = bugs + [entry["why_not"] for entry in entries if entry.get("broke")]
    _write(folder, record)
    write_text(folder / PAGE, page_text(record), follow_links=False)
    return record


def _verdict(claim, finished, bugs):
    found = _attempt(claim.judge, finished, bugs)
    if not isinstance(found, Verdict):
        return Verdict(UNTESTABLE, str(found))
    ready, processors = finished.others_ready()
    if not claim.needs_quiet or ready <= BUSY * processors:
        return found
    why = f"{ready:.1f} threads of other programs were ready to run on {processors} processors"
    return Verdict(UNTESTABLE, f"the machine was busy: {why}, which favours who has more threads ({found.because})")


def _attempt(make, finished, bugs):
    """What a function of the study makes of the records, or Lacking."""
    try:
        return make(finished)
    except Lacking as lacking:
        return lacking
    except Unusable as error:  # a run that was killed, or a file that is damaged
        return Lacking(str(error))
    except BUGS as error:  # the other claims, and the other studies, have their figures all the same
        say(traceback.format_exc().rstrip())
        bugs.append(f"{make.__name__}() of the study failed: {error!r}")
        return Lacking(f"the rule failed on these records ({error!r}), which is a bug in the study")


def _not_done(folder, entries):
    """What could not be measured, and why: steps, connectors, and waves."""
    notes = []
    for entry in entries:
        if entry["why_not"]:
            notes.append(f"{entry['name']}: {entry['why_not']}")
            continue
        notes += [f"{name}: this connbench has none" for name in entry.get("unknown") or ()]
        out = folder / entry["folder"]
        if not (out / "run.json").exists():
            continue
        facts = read_facts(out, out)
        for skip in facts["skipped"]:
            notes.append(f"{skip.get('connector')} on {skip.get('target')}: {skip.get('reason')}")
        for failure in facts["failures"]:
            notes.append(f"{failure.get('connector')} on {failure.get('target')} failed: {failure.get('failure')}")
    notes = list(dict.fromkeys(notes))
    more = len(notes) - MOST_NOTES
    return notes[:MOST_NOTES] + ([f"and {more} more: see run.json of the steps"] if more > 0 else [])


def _machine(folder, entries):
    for entry in entries:
        out = folder / entry["folder"]
        if not entry["why_not"] and (out / "run.json").exists():
            return Run(out).machine()
    return f"Linux {os.uname().release}"


def _write(folder, record):
    write_text(folder / FILE, json.dumps(record, indent=1, ensure_ascii=False) + "\n", follow_links=False)
