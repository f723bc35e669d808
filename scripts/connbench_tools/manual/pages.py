"""The pages: connbench(1), and connbench-COMMAND(1) for each command."""

import gzip
import re

from .. import failures
from ..output import write_bytes
from . import companions
from .roff import Page, bold, escaped, italic

_STATUS = re.compile(r"\s*Exit status: (.*)\Z", re.DOTALL)
_CONNECTORS = (
    "What --connector selects, with options: epoll+wait:pwait2. connbench list says which this machine can use."
)
_HELP = {"name": "--help", "value": None, "help": "Print this help.", "default": None}


def write(inventory, folder):
    """Writes all pages. `inventory`: the answer of `connbench list --format json`."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("connbench*.1.gz"):
        old.unlink()
    described = dict(companions.descriptions())
    _save(_of_program(inventory), folder)
    for command in inventory["commands"]:
        if "groups" in command:
            _save(_of_command(command, inventory["version"]), folder)
        elif described[command["name"]]:
            _save(_of_companion(command, described[command["name"]], inventory["version"]), folder)
        else:
            _say_left_out(command["name"])


def _say_left_out(name):
    lacking = "its packages are missing (python3-numpy, -scipy, -jsonschema)"
    failures.say(f"no manual page of connbench {name}: {lacking}")


def _save(page, folder):
    # Without a name and a time, so that the same page is the same file.
    write_bytes(folder / f"{page.name}.{page.section}.gz", gzip.compress(page.text().encode(), 9, mtime=0))


def _of_program(inventory):
    page = Page("connbench", 1, "measures ways to open TCP connections", inventory["version"])
    page.heading("Synopsis")
    page.paragraph(f"{bold('connbench')} {italic('COMMAND')} [{italic('OPTIONS')}]")
    page.heading("Commands")
    for command in inventory["commands"]:
        page.definition(_page(command["name"]), escaped(command["summary"]))
    page.heading("Options")
    page.definition(
        f"{bold('-h')}, {bold('--help')}", escaped("Print a summary; connbench COMMAND --help explains a command.")
    )
    page.definition(bold("--version"), "Print the version, the commit, the compiler and the libraries.")
    page.heading("Connectors")
    page.paragraph(escaped(_CONNECTORS))
    for connector in inventory["connectors"]:
        if connector["program"] is None:
            page.definition(bold(connector["name"]), escaped(connector["summary"]))
    page.heading("Options of connectors")
    for option in inventory["options"]:
        page.definition(
            f"{bold('+' + option['name'] + ':')}{_value_of(option)}", escaped(option["help"]) + _default(option)
        )
    page.heading("Targets")
    for target in inventory["targets"]:
        parameter = f"[{bold(':')}{italic(target['parameter'])}]" if target["parameter"] else ""
        page.definition(bold(target["name"]) + parameter, escaped(target["summary"]) + _default(target))
    _end(page, [f"connbench-{command['name']}" for command in inventory["commands"]])
    return page


def _value_of(option):
    if option["values"]:
        return escaped("|".join(option["values"]))
    return italic(option["kind"].upper())


def _default(described):
    return f" [{escaped(described['default'])}]" if described.get("default") else ""


def _page(name):
    return f"{bold('connbench-' + name)}(1)"


def _of_command(command, version):
    page = Page(f"connbench-{command['name']}", 1, command["summary"], version)
    page.heading("Synopsis")
    flags = [flag for group in command["groups"] for flag in group["flags"]]
    positional = [f" {italic(flag['name'])}" for flag in flags if not flag["name"].startswith("-")]
    page.paragraph(f"{bold('connbench ' + command['name'])}{''.join(positional)} [{italic('OPTIONS')}]")
    page.heading("Description")
    notes, status = _without_status("\n\n".join(command["notes"]))
    for note in notes.split("\n\n"):
        page.paragraph(escaped(note))
    page.heading("Options")
    for group in command["groups"]:
        if len(command["groups"]) > 1:
            page.subheading(group["title"])
        for flag in group["flags"]:
            _add_flag(page, flag)
    _add_flag(page, _HELP)
    if command["examples"]:
        page.heading("Examples")
    for example in command["examples"]:
        page.paragraph(escaped(example["purpose"]) + ":")
        page.literal(f"  {example['command']}")
    _end(page, ["connbench"], status)
    return page


def _of_companion(command, described, version):
    page = Page(f"connbench-{command['name']}", 1, command["summary"], version)
    page.heading("Synopsis")
    page.literal(re.sub(r"^(usage: | {7})", "", described["usage"].rstrip(), flags=re.MULTILINE))
    page.heading("Description")
    about, status = _without_status(described["about"])
    for part in about.split("\n\n"):
        _add_part(page, part)
    page.heading("Options")
    for flag in described["arguments"]:
        _add_flag(page, flag)
    _end(page, ["connbench"], status)
    return page


def _add_part(page, part):
    """A paragraph, or lines of examples, which are indented."""
    lines = part.split("\n")
    examples = [line for line in lines if line.startswith("  ")]
    if prose := [line for line in lines if not line.startswith("  ")]:
        page.paragraph(escaped("\n".join(prose)))
    if examples:
        page.literal("\n".join(examples))


def _add_flag(page, flag):
    value = f" {italic(flag['value'])}" if flag.get("value") else ""
    name = bold(flag["name"]) if "-" in flag["name"] else italic(flag["name"])
    default = f" Default: {escaped(flag['default'])}." if flag.get("default") else ""
    page.definition(name + value, (escaped(flag["help"]) or "") + default)


def _without_status(text):
    """The text, and what it says of the exit status."""
    found = _STATUS.search(text)
    return (text[: found.start()], found[1]) if found else (text, "")


def _end(page, others, status=""):
    if status:
        page.heading("Exit status")
        page.paragraph(escaped(status))
    page.heading("See also")
    page.paragraph(",\n".join(f"{bold(name)}(1)" for name in others))
