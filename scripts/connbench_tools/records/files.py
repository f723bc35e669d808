"""Opening and reading the files of records, whatever is in their place.

A FIFO would block, a file without line ends would fill the memory, and JSON allows nesting that ends in a crash. Every
such file is Unusable, with one line that says why.
"""

import contextlib
import functools
import json
import math
import os
import re
import stat
from pathlib import Path

from ..failures import Unusable, exit_without

MOST_BYTES = 64 << 20  # of a file that is read as a whole; a run of 100,000 waves has a run.json of this size
MOST_NESTED = 64  # levels of JSON
SCHEMAS = Path(__file__).resolve().parent / "schemas"
KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
NAMES = {
    "string": "text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "an object",
    "array": "a list",
}
_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


@contextlib.contextmanager
def opened(path, label=None):
    """A file, open for reading bytes. Anything but a regular file is refused, without waiting for its other end.

    Errors of reading, also those of the block, are Unusable and name the file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
        if kind != stat.S_IFREG:
            os.close(descriptor)
            raise Unusable(f"{label or path} is {KINDS.get(kind, 'a device')}, not a file")
        with open(descriptor, "rb") as file:
            yield file
    except OSError as error:
        raise Unusable(f"{label or path} cannot be read: {error.strerror or error}") from error


def read_text(path, label=None):
    """The text of a file of moderate size."""
    with opened(path, label) as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise Unusable(f"{label or path} has more than {MOST_BYTES >> 20} MiB")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unusable(f"{label or path} cannot be read: it is not UTF-8: {error}") from error


def read_json(path, schema=None, label=None, hint="", nan_is_null=False):
    """The JSON value in a file. `schema`: the name of a file in schemas/, which the value must match. `label` names the
    file in messages, `hint` ends them."""
    label = label or path
    value = parse_json(read_text(path, label), label, hint, nan_is_null)
    if schema and (found := wrong(value, schema)):
        raise Unusable(f"{label} is damaged: {found}{hint or '; results/README.md says what must be there'}")
    return value


def parse_json(text, label, hint="", nan_is_null=False):
    """The value of a JSON text. Infinity, half surrogate pairs and very deep nesting are refused, and so is NaN unless
    `nan_is_null`."""
    try:
        value = json.loads(text, parse_constant=_null_for_nan if nan_is_null else _refuse, parse_float=_finite)
        if _HALF_PAIR.search(text):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise Unusable(f"{label} cannot be read: a text has half a surrogate pair{hint}") from error
    except ValueError as error:
        raise Unusable(f"{label} cannot be read: {error}{hint}") from error
    except RecursionError as error:
        raise Unusable(f"{label} cannot be read: it is nested too deep{hint}") from error
    if _is_too_deep(value):
        raise Unusable(f"{label} cannot be read: it has more than {MOST_NESTED} levels{hint}")
    return value


def _refuse(constant):
    raise ValueError(f"{constant} is not JSON")


def _null_for_nan(constant):
    return None if constant == "NaN" else _refuse(constant)


def _finite(text):
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:40]} is too large")
    return value


def _is_too_deep(value):
    level = [value]
    for _ in range(MOST_NESTED):
        inner = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, (dict, list))]
        level = [value for values in inner for value in values]
        if not level:
            return False
    return True


def wrong(value, schema):
    """The first value that does not match the schema, as text; None when all do."""
    error = next(_validator(schema).iter_errors(value), None)
    if error is None:
        return None
    where = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in error.absolute_path).lstrip(".")
    where = where or "it"
    if error.validator == "required":
        return f"{where} has no {', '.join(key for key in error.validator_value if key not in error.instance)}"
    if error.validator == "type":
        kinds = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
        name = NAMES[kinds[0]]
        containers = ("object", "array")
        return (
            f"{where} is not {name}" if kinds[0] in containers else f"{where} is {_short(error.instance)}, not {name}"
        )
    if error.validator == "const":
        return f"{where} is {_short(error.instance)}, not {_short(error.validator_value)}"
    if error.validator in ("minimum", "maximum"):
        return f"{where} is {_short(error.instance)}; the {error.validator} is {error.validator_value}"
    return f"{where}: {error.message[:200]}"


def _short(value):
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def schema_of(name):
    """A schema of schemas/ as a dictionary."""
    return json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))


@functools.cache
def _validator(name):
    try:
        import jsonschema  # takes a tenth of a second
    except ImportError as error:
        exit_without(error)
    base = jsonschema.Draft202012Validator
    # 1.0 and 1e300 are whole numbers for JSON Schema, but not for us.
    checker = base.TYPE_CHECKER.redefine("integer", lambda _, one: isinstance(one, int) and not isinstance(one, bool))
    return jsonschema.validators.extend(base, type_checker=checker)(schema_of(name))
