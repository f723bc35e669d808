"""What the scripts print and write: text that any locale, terminal and file can take, whatever the records contain.

Labels in records and names of folders come from elsewhere. A control character would let them move the cursor or forge
a line, half a surrogate pair cannot be encoded at all, and a Latin-1 terminal lacks most characters. Such characters
are shown by their number, as in \\x1b.
"""

import contextlib
import os
import re
import select
import stat
import sys
import tempfile
from pathlib import Path

# Control characters other than tab and line feed, marks that change the direction of writing, and half surrogates.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text):
    """The text, with unsafe characters as numbers. Lines and tabs stay."""
    return _UNSAFE.sub(_number, str(text))


def one_line(text):
    """The same on one line."""
    return " ".join(printable(text).split())


def in_cell(text):
    """The same as the content of a cell in a Markdown table."""
    return one_line(text).replace("|", "\\|")


def _number(match):
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00  # the byte of a file name that is not UTF-8
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def write_text(path, text, follow_links=True):
    """Writes a text file in UTF-8, as write_bytes() does. What cannot be encoded is written as its number."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"), follow_links)


def write_bytes(path, data, follow_links=True):
    """Creates a file, or replaces it as a whole: when that fails, the old one is as it was.

    A file that the user named is the one to which links lead, and a FIFO or device is written to as it is. For a name
    that the script chose, in a folder where others may have prepared a link: follow_links=False replaces the link.
    """
    try:
        _write_bytes(Path(os.path.realpath(path) if follow_links else path), data, follow_links)
    except OSError as error:  # with the name that the user knows
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write_bytes(path, data, in_place):
    """`in_place`: the file may be written where it is, if it cannot be replaced."""
    if in_place and path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    try:
        file = tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False)
    except PermissionError:  # the file may be writable where its folder is not
        if not in_place:
            raise
        path.write_bytes(data)
        return
    with file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode) if path.is_file() else 0o644)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


class Stream:
    """A standard stream that shows any text. Once its reader has gone it is silent: the work still gets done, and its
    files and its exit status are those of the result. So it is once an interrupt has ended the wait for its reader."""

    def __init__(self, stream):
        self._stream, self._gone = stream, False
        self.encoding = getattr(stream, "encoding", None) or "utf-8"

    def write(self, text):
        shown = printable(text).encode(self.encoding, "backslashreplace").decode(self.encoding)
        self._unless_gone(lambda: self._stream.write(shown))
        return len(text)

    def flush(self):
        self._unless_gone(self._stream.flush)

    def isatty(self):
        return self._stream.isatty()

    def fileno(self):
        return self._stream.fileno()

    def replace_line(self, text):
        """Replaces the line under way on a terminal; "" removes it. Other streams stay as they are."""
        if self.isatty():
            self._unless_gone(lambda: self._stream.write("\r\033[K"))
            self.write(one_line(text))
            self.flush()

    def wait_no_more(self):
        """After an interrupt: if a reader is stuck, what it has not read is lost."""
        with contextlib.suppress(OSError, ValueError):  # no descriptor: nothing waits
            readiness = select.poll()
            readiness.register(self.fileno(), select.POLLOUT)
            if not readiness.poll(0):
                self._give_up()

    def _unless_gone(self, action):
        if self._gone:
            return
        try:
            action()
        except KeyboardInterrupt:  # the reader may be stuck, so nothing more is written
            self._give_up()
            raise
        except OSError as error:
            self._give_up()
            if not isinstance(error, BrokenPipeError):
                raise OSError(error.errno, f"the output cannot be written: {error.strerror}") from error

    def _give_up(self):
        self._gone = True
        with contextlib.suppress(OSError, ValueError):  # else what is buffered would fail, or wait, at the very end
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


@contextlib.contextmanager
def safe_streams():
    """Makes sys.stdout and sys.stderr safe for the duration of a block."""
    _fill_closed_descriptors()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (
        stream if isinstance(stream, Stream) else Stream(stream or open(os.devnull, "w", encoding="utf-8"))
        for stream in before
    )
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):  # whoever wants to know has flushed
                stream.flush()
        sys.stdout, sys.stderr = before


def _fill_closed_descriptors():
    """Opens /dev/null in place of closed standard descriptors. Otherwise the next file would take their number, and
    messages of child processes would end up in it."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def replace_line(text):
    """Shows progress on a terminal."""
    if isinstance(sys.stderr, Stream):
        sys.stderr.replace_line(text)
