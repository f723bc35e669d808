"""What the command line of a program accepts: for the shell, which completes words, and for its manual page.

The parser is asked itself, so that neither can say anything that --help does not.
"""

import argparse
import json
import os
import re
import sys

COMPLETE = "CONNBENCH_COMPLETE"  # set by `connbench __complete` (bench/completion.h)
DESCRIBE = "CONNBENCH_DESCRIBE"  # set by scripts/man-pages
_FILES = ("DIR", "FILE", "RUN")  # what a value is called that is the name of one


def answer_instead(parser, words):
    """Prints what was asked of the parser, and exits; returns if the program shall do its work."""
    if os.environ.get(COMPLETE):
        print("\n".join(completions(parser, words)))
    elif os.environ.get(DESCRIBE):
        json.dump(description(parser), sys.stdout)
    else:
        return
    sys.exit(0)


def completions(parser, words):
    """Lines as `connbench __complete` prints them: "files" or "words", then a candidate each, a tab and what it is."""
    *before, word = words or [""]
    subcommands = _subcommands(parser)
    if subcommands and before and before[0] in subcommands.choices:
        return completions(subcommands.choices[before[0]], words[1:])
    takes = {name: action for action in parser._actions for name in action.option_strings}
    if word.startswith("-"):
        flags = [name for name in takes if name.startswith("--") and name.startswith(word) and name not in before]
        return ["words", *(f"{name}\t{_brief(parser, takes[name])}" for name in flags)]
    if subcommands and not before:
        briefs = {choice.dest: choice.help or "" for choice in subcommands._choices_actions}
        return ["words", *(f"{name}\t{brief}" for name, brief in briefs.items() if name.startswith(word))]
    last = takes.get(before[-1]) if before else None
    if last is None or last.nargs == 0:
        return ["files"]
    if last.choices:
        return ["words", *(f"{choice}\t" for choice in last.choices if choice.startswith(word))]
    return ["files" if str(last.metavar).rstrip(",…") in _FILES else "words"]


def description(parser):
    """The parts of --help: text, arguments and flags, each with the name of its value."""
    about = (parser.description or "").strip()
    arguments = []
    for action in parser._actions:
        names = [name for name in action.option_strings if name.startswith("--")]
        value = action.metavar or (action.dest.upper() if names else action.dest)
        if action.choices and not action.metavar:
            value = "|".join(map(str, action.choices))
        arguments.append(
            {
                "name": names[0] if names else value,
                "value": value if names and action.nargs != 0 else None,
                "help": _help(parser, action),
            }
        )
    subcommands = _subcommands(parser)
    for name, theirs in subcommands.choices.items() if subcommands else ():
        for argument in description(theirs)["arguments"]:
            if argument["name"] != "--help":
                arguments.append(argument | {"name": f"{name} {argument['name']}"})
    return {"about": about, "usage": parser.format_usage(), "arguments": arguments}


def _subcommands(parser):
    return next((action for action in parser._actions if isinstance(action, argparse._SubParsersAction)), None)


def _brief(parser, action):
    return re.split(r"[.;:] | \[", _help(parser, action))[0]


def _help(parser, action):
    return parser._get_formatter()._expand_help(action) if action.help else ""
