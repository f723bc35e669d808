"""The markup of manual pages (man(7)), as far as ours need it."""

_NO_HYPHEN = str.maketrans({"\\": r"\e", "-": r"\-", "^": r"\(ha", "~": r"\(ti", "`": r"\(ga", "'": r"\(aq"})


def escaped(text):
    """Text that stands for itself. A dash is the one that a user types, so that it can be copied and searched for."""
    lines = text.translate(_NO_HYPHEN).split("\n")
    return "\n".join("\\&" + line if line.startswith(".") else line for line in lines)


def bold(text):
    return f"\\fB{escaped(text)}\\fR"


def italic(text):
    return f"\\fI{escaped(text)}\\fR"


class Page:
    """A page that grows from the top."""

    def __init__(self, name, section, summary, version):
        self.name, self.section = name, section
        self._lines = [
            f'.TH {escaped(name).upper()} {section} "" "connbench {escaped(version)}" "connbench"',
            ".nr HY 0",  # a hyphen within a name of ours would be read as part of it
            ".nh",
            ".SH NAME",
            f"{escaped(name)} \\- {escaped(summary)}",
        ]

    def heading(self, title):
        self._lines.append(f".SH {escaped(title).upper()}")

    def subheading(self, title):
        self._lines.append(f".SS {escaped(title)}")

    def paragraph(self, markup):
        self._lines += [".PP", markup]

    def definition(self, term, markup):
        """A term, and below it what it means. Both are markup."""
        self._lines += [".TP", term, markup]

    def literal(self, text):
        """Lines that are kept as they are."""
        self._lines += [".PP", ".EX", escaped(text), ".EE"]

    def text(self):
        return "\n".join(self._lines) + "\n"
