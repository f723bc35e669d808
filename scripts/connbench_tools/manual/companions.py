"""What the commands in Python say of themselves (described.py), as if they were installed."""

import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from .. import PROGRAMS, SUBCOMMANDS, described, programs


def descriptions():
    """Yields (name, description); None in its place where this interpreter lacks what the program imports."""
    with tempfile.TemporaryDirectory() as folder:
        prefix = Path(folder).resolve()
        installed = prefix / "libexec/connbench"  # by which a program knows that it is installed
        shutil.copytree(PROGRAMS / "connbench_tools", installed / "connbench_tools")
        for name in SUBCOMMANDS:
            shutil.copy(PROGRAMS / name, installed)
            yield name, _description(installed / name, str(prefix))


def _description(program, prefix):
    command = [sys.executable, "-B", program, "--help"]
    ended = programs.execute(command, environment={**os.environ, described.DESCRIBE: "1", "COLUMNS": "80"})
    if ended.status != 0:
        return None
    text = ended.output.replace(prefix, "PREFIX")  # where it will be installed is not known yet
    return json.loads(re.sub(rf"\bscripts/({'|'.join(SUBCOMMANDS)})\b", r"connbench \1", text))
