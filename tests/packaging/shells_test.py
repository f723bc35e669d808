"""Completion in real shells on a terminal: what a person sees after TAB.

Usage: shells_test.py FOLDER_OF_CONNBENCH SOURCE_FOLDER SHELL
"""

import os
import pathlib
import pty
import re
import select
import shutil
import signal
import sys
import tempfile
import time
import unittest

PROGRAMS, SOURCE = map(pathlib.Path, sys.argv[1:3])
SHELL = shutil.which(sys.argv[3])
COMPLETIONS = SOURCE / "packaging/completions"
PATIENCE = 120  # seconds, after which something hangs
PROMPT = "ready> "
CONTROL = re.compile(r"\x1b(\[[0-9;?<=>]*[a-zA-Z]|\][^\x07\x1b]*(\x07|\x1b\\)|[()=>][0-9A-B]?)|[\r\x07\x08]")


class Terminal:
    """A shell on a terminal of its own. The terminal is wide, so that no line is broken."""

    def __init__(self, command, environment):
        self.shown = ""
        self.process, self.master = pty.fork()
        if self.process == 0:
            try:
                os.execve(command[0], command, environment)
            finally:
                os._exit(127)

    def close(self):
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        os.close(self.master)

    def type(self, text):
        self.shown = ""
        os.write(self.master, text.encode())

    def wait_for(self, pattern):
        """Until the terminal has shown this; returns all that it has shown since something was typed."""
        until = time.monotonic() + PATIENCE
        while not re.search(pattern, CONTROL.sub("", self.shown)):
            if time.monotonic() > until or not select.select([self.master], [], [], until - time.monotonic())[0]:
                raise AssertionError(f"the terminal does not show {pattern!r}, but {self.shown!r}")
            data = os.read(self.master, 65536).decode(errors="replace")
            self.shown += data
            if "\x1b[6n" in data:  # a question for the position of the cursor, which a terminal answers
                os.write(self.master, b"\x1b[1;1R")
            if "\x1b[c" in data or "\x1b[0c" in data:  # one for what it is
                os.write(self.master, b"\x1b[?62;c")
        return CONTROL.sub("", self.shown)


class Completes:
    """What every shell must do; a subclass says how it is started."""

    kind_of_terminal = "dumb"  # no colours, no moves of the cursor

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = pathlib.Path(folder.name)
        (self.home / "records.txt").touch()
        environment = {
            "HOME": str(self.home),
            "PATH": f"{PROGRAMS}:/usr/local/bin:/usr/bin:/bin",
            "TERM": self.kind_of_terminal,
            "LANG": "C.UTF-8",
            "COLUMNS": "400",
            "CONNBENCH_PROGRAMS": "/nowhere",
        }
        self.terminal = Terminal([SHELL, *self.flags], environment)
        self.addCleanup(self.terminal.close)
        for line in (f"cd {self.home}", "stty columns 400", *self.starts()):
            self.terminal.type(line + "\n")
        self.terminal.type("echo be''gun\n")
        self.terminal.wait_for(rf"begun[\s\S]*{PROMPT}")

    def becomes(self, line, expected):
        """Types the line and TAB; then makes it the argument of `echo`, which shows what became of it."""
        self.terminal.type(f"{line}\t\x01echo en''ded \x05\n")
        shown = self.terminal.wait_for(rf"ended connbench .*[\s\S]*{PROMPT}")
        self.assertEqual(re.search(r"ended (connbench .*)", shown)[1].strip(), expected)

    def test_connectors(self):
        self.terminal.type("connbench run --connector bl" + self.tabs)
        shown = self.terminal.wait_for("blocking-threads")
        self.assertIn("blocking-pool", shown)

    def test_one_connector_is_completed_at_once(self):
        self.becomes("connbench run --connector null,epoll-", "connbench run --connector null,epoll-edge")
        self.becomes("connbench run --connector=null,epoll-", "connbench run --connector=null,epoll-edge")

    def test_options_of_a_connector(self):
        self.becomes("connbench run --connector epoll+wai", "connbench run --connector epoll+wait:")
        self.becomes("connbench run --connector epoll+wait:p", "connbench run --connector epoll+wait:pwait2")

    def test_targets_with_a_parameter(self):
        self.becomes("connbench run --target delayed:", "connbench run --target delayed:20ms")
        self.becomes("connbench run --mix accepting=90,blackh", "connbench run --mix accepting=90,blackhole=")

    def test_commands_and_flags(self):
        self.becomes("connbench exh", "connbench exhaust")
        self.becomes("connbench run --repet", "connbench run --repetitions")

    def test_flags_of_a_command_in_python(self):
        self.becomes("connbench export --form", "connbench export --format")

    def test_files(self):
        self.becomes("connbench run --out rec", "connbench run --out records.txt")


class Bash(Completes, unittest.TestCase):
    name, flags = "bash", ["--norc", "--noprofile", "-i"]
    settings = ("bell-style none", "page-completions off", "completion-query-items 0")
    tabs = "\t\t\t"  # the first completes what is common to all, the third lists

    def starts(self):
        return (
            f"source {COMPLETIONS}/connbench.bash",
            f"PS1='{PROMPT}'",
            *(f"bind 'set {setting}'" for setting in self.settings),
        )


class Zsh(Completes, unittest.TestCase):
    name, flags = "zsh", ["-f", "-i"]
    kind_of_terminal = "xterm"  # lists nothing on a dumb one
    tabs = "\t\t"

    def starts(self):
        return (
            f"fpath=({COMPLETIONS} $fpath)",
            "autoload -Uz compinit && compinit -u -D",
            f"unsetopt zle_bracketed_paste prompt_sp; PS1='{PROMPT}'",
        )


class Fish(Completes, unittest.TestCase):
    name, flags = "fish", ["--private", "--no-config", "-i"]
    kind_of_terminal = "xterm"
    tabs = "\t\t"

    def starts(self):
        return (f"source {COMPLETIONS}/connbench.fish", f"function fish_prompt; echo -n '{PROMPT}'; end")


if __name__ == "__main__":
    if SHELL is None:
        print(f"skipped: {sys.argv[3]} is not installed (scripts/setup --dev)")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], sys.argv[3].capitalize()], verbosity=2)
