#!/usr/bin/env python3
"""Builds the connectors in other languages, each with its language's own tools, as far as this machine has them.

  impl/runtimes/build.py --programs DIR --work DIR [--only NAME,...]
  impl/runtimes/build.py --list    prints the names, separated by semicolons

The newest toolchain on PATH is used (for Java also JAVA_HOME and /usr/lib/jvm). A program whose toolchain is missing or
too old, or whose libraries cannot be fetched, is a line that says what it needs. Nothing is fetched that is already
there. Exit status: 0 built or skipped, 1 a program does not compile, 2 unusable arguments.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
UVLOOP = ["uvloop==0.23.0"]
GEVENT = ["gevent==26.9.0", "greenlet==3.5.6", "zope.event==6.2", "zope.interface==8.7"]
BUN = "1.4.4"


class Skip(Exception):
    """The machine lacks something. The message names it, and the remedy."""


class Failed(Exception):
    """A toolchain that is good enough did not accept our source. The message is its output."""


def version_in(text):
    """The first version number of a text, as a tuple; () if there is none."""
    match = re.search(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def dotted(version):
    return ".".join(map(str, version))


def run(*command, cwd=None, **variables):
    """Runs a command and returns (exit status, its whole output). The status is 127 if it cannot be started."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        return 127, str(error)
    return done.returncode, done.stdout


def compiled(*command, **settings):
    status, output = run(*command, **settings)
    if status:
        raise Failed(f"{' '.join(map(str, command))}\n{output}")


def fetched(what, *command, **settings):
    """Runs a command that may need the network."""
    status, output = run(*command, **settings)
    if status:
        last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), f"status {status}")
        raise Skip(f"{what} could not be fetched ({last[:160]}). Build the target runtimes again with a network")


def newest(names, version_command, needed, what, remedy, more_folders=()):
    """The newest of the programs called so, on PATH and in `more_folders`: (path, version)."""
    found = []
    for folder in [*os.environ.get("PATH", "").split(os.pathsep), *more_folders]:
        for path in sorted(Path(folder or ".").glob(names)):
            if re.fullmatch(r"[a-z]+[\d.]*", path.name) and os.access(path, os.X_OK):
                status, output = run(path, *version_command)
                if status == 0 and (version := version_in(output)):
                    found.append((version, path))
    if not found:
        raise Skip(f"needs {what} {dotted(needed)} or newer, which is not on PATH ({remedy})")
    version, path = max(found, key=lambda each: each[0])
    if version < needed:
        raise Skip(f"needs {what} {dotted(needed)} or newer; {path} is {dotted(version)} ({remedy})")
    return path, version


def newer(product, *sources):
    """Whether `product` exists and no source has changed since."""
    return product.exists() and all(product.stat().st_mtime_ns >= source.stat().st_mtime_ns for source in sources)


class Build:
    """Where the programs go, and where each toolchain may keep what it needs for the next build."""

    def __init__(self, programs, work):
        self.programs, self.work = programs, work
        self.library = programs / "lib"
        for folder in (programs, work, self.library):
            folder.mkdir(parents=True, exist_ok=True)

    def launcher(self, name, command):
        """Writes the program `name`: a shell script that becomes `command`, where $lib is the folder of its parts."""
        text = f'#!/bin/sh\nlib=${{0%/*}}/lib\nexec {command} "$@"\n'
        path = self.programs / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def copy(self, language, *names):
        """Copies sources that need no compiler next to the programs, and returns their folder."""
        folder = self.library / language
        folder.mkdir(exist_ok=True)
        for name in names:
            shutil.copyfile(HERE / language / name, folder / name)
        return folder


# Each function below builds the programs of one language: it is called with a Build and the name of one program.


def go(build, name):
    tool, _ = newest(
        "go",
        ["version"],
        (1, 19),
        "Go",
        "apt-get install golang-go, or scripts/setup --runtimes",
    )
    compiled(
        tool,
        "build",
        "-trimpath",
        "-o",
        build.programs / name,
        "./" + name,
        cwd=HERE / "go",
        GOTOOLCHAIN="local",
        GOPROXY="off",
        CGO_ENABLED="0",
    )


def rust(build, name):
    tool, _ = newest(
        "cargo",
        ["--version"],
        (1, 85),
        "Rust",
        "rustup, or a distribution that has it: scripts/setup --runtimes",
    )
    folder = build.work / "rust"  # cargo writes its lock file next to Cargo.toml, and ours would contain an address
    shutil.copytree(HERE / "rust", folder, dirs_exist_ok=True)
    at = {"cwd": folder, "CARGO_TARGET_DIR": str(build.work / "rust-target")}
    host = re.search(r"host: (\S+)", run(tool, "-vV")[1])[1]
    if run(tool, "fetch", "--offline", "--target", host, **at)[0]:
        fetched("its crates", tool, "fetch", "--target", host, **at)
    compiled(tool, "build", "--release", "--offline", "--quiet", "--bin", name, **at)
    built = build.work / "rust-target" / "release" / name
    if not newer(build.programs / name, built):
        shutil.copy2(built, build.programs / name)


def java(build, name):
    main_class, needed = {
        "java-threads": ("JavaThreads", 17),
        "java-virtual-threads": ("JavaVirtualThreads", 21),
        "java-nio": ("JavaNio", 17),
        "netty": ("NettyNio", 17),
        "netty-epoll": ("NettyEpoll", 17),
    }[name]
    folders = [str(path) for path in Path("/usr/lib/jvm").glob("*/bin")]
    if "JAVA_HOME" in os.environ:
        folders.append(os.environ["JAVA_HOME"] + "/bin")
    tool, version = newest(
        "javac",
        ["-version"],
        (needed,),
        "JDK",
        f"apt-get install openjdk-{needed}-jdk-headless where it exists, or scripts/setup --runtimes",
        folders,
    )
    libraries = netty_libraries(build) if main_class.startswith("Netty") else []
    classes = build.library / "java" / name
    sources = [HERE / "java" / f"{each}.java" for each in ("Protocol", "Json", "Wave", "Errors")]
    sources.append(HERE / "java" / f"{main_class}.java")
    if main_class.startswith("Netty"):
        sources.append(HERE / "java" / "NettyClient.java")
    stamp = classes / f"made-by-{dotted(version)}"
    if not newer(stamp, *sources, Path(__file__)):
        shutil.rmtree(classes, ignore_errors=True)
        classes.mkdir(parents=True)
        path = [part for library in libraries[:1] for part in ("-cp", f"{library.parent}/*")]
        compiled(tool, "--release", needed, "-Xlint:all,-classfile", "-Werror", "-d", classes, *path, *sources)
        stamp.touch()
    more = ":$lib/java/netty-jars/*" if libraries else ""
    # Without the first, the JVM writes to stdout when it gets no thread. Newer ones warn of native code on stderr.
    options = "-Xlog:disable"
    if libraries:  # or Netty warns where only loopback exists, whose address it cannot use as an id
        options += " -Dio.netty.machineId=00:00:00:00:00:00:00:01"
    if name == "netty-epoll" and version >= (22,):
        options += " --enable-native-access=ALL-UNNAMED"
    build.launcher(name, f'{tool.resolve().parent / "java"} {options} -cp "$lib/java/{name}{more}" {main_class}')


def netty_libraries(build):
    """The jars of Netty with what they need, fetched by Maven."""
    folder, pom = build.library / "java" / "netty-jars", HERE / "java" / "pom.xml"
    stamp = folder / "complete"
    if not newer(stamp, pom):
        tool = shutil.which("mvn")
        if tool is None:
            raise Skip("needs Maven, which is not on PATH (apt-get install maven, or scripts/setup --runtimes)")
        shutil.rmtree(folder, ignore_errors=True)
        goal = "dependency:3.6.1:copy-dependencies"
        command = [tool, "-q", "-B", "-f", pom, f"org.apache.maven.plugins:maven-{goal.split(':')[0]}-plugin:"]
        command[-1] += goal.split(":", 1)[1]
        fetched("Netty", *command, f"-DoutputDirectory={folder}", "-DincludeScope=runtime")
        stamp.touch()
    return sorted(folder.glob("*.jar"))


def python(build, name):
    tool, _ = newest(
        "python3*",
        ["--version"],
        (3, 11),
        "Python",
        "apt-get install python3, or scripts/setup --runtimes",
    )
    # What a version manager puts on PATH is a shell script; programs start the interpreter itself.
    _, real = run(tool, "-c", "import sys; print(sys.executable)")
    tool = real.strip()
    module = name.replace("-", "_")
    packages = {"uvloop": UVLOOP, "gevent": GEVENT}.get(name, [])
    folder = build.copy("python", "protocol.py", f"with_{module}.py", "with_asyncio.py")
    if packages:
        stamp = folder / f"{name}-of-{version_of(tool)}-{packages[0]}"
        if not stamp.exists():
            if run(tool, "-m", "pip", "--version")[0]:
                raise Skip(f"needs pip for {tool} (apt-get install python3-pip, or scripts/setup --runtimes)")
            fetched(name, tool, "-m", "pip", "install", "-q", "--upgrade", "--no-deps", "--target", folder, *packages)
            stamp.touch()
    build.launcher(name, f'{tool} -EsB "$lib/python/with_{module}.py"')


def version_of(python_interpreter):
    return dotted(version_in(run(python_interpreter, "--version")[1]))


def node(build, name):
    tool, _ = newest("node*", ["--version"], (20,), "Node.js", "apt-get install nodejs, or scripts/setup --runtimes")
    build.copy("node", "protocol.mjs", "node.mjs")
    build.launcher(name, f'{tool.resolve()} "$lib/node/node.mjs"')


def bun(build, name):
    folder = build.work / "bun"
    tool = folder / "node_modules" / "@oven" / "bun-linux-x64" / "bin" / "bun"
    if run(tool, "--version")[1].strip() != BUN:
        if os.uname().machine != "x86_64":
            raise Skip(f"Bun {BUN} is only fetched for x86_64")
        npm = shutil.which("npm")
        if npm is None:
            raise Skip("needs npm to fetch Bun (apt-get install npm, or scripts/setup --runtimes)")
        folder.mkdir(exist_ok=True)
        fetched(
            "Bun",
            *(npm, "install", "--prefix", folder, "--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit"),
            f"@oven/bun-linux-x64@{BUN}",
        )
    destination = build.library / "node" / "bun"
    build.copy("node", "protocol.mjs", "node.mjs", "clock_of_bun.mjs")
    if not newer(destination, tool):
        shutil.copy2(tool, destination)
    build.launcher(name, '"$lib/node/bun" "$lib/node/node.mjs"')


def erlang(build, name):
    needed = "needs Erlang/OTP 25 or newer (apt-get install erlang-base, or scripts/setup --runtimes)"
    tools = [shutil.which(each) for each in ("erlc", "erl")]
    if None in tools:
        raise Skip(f"{needed}; erlc is not on PATH")
    ask = "io:put_chars(erlang:system_info(otp_release)), halt()."
    _, release = run(tools[1], "-noshell", "-eval", ask)
    if version_in(release) < (25,):
        raise Skip(f"{needed}; {tools[1]} is {release.strip()}")
    folder = build.library / "erlang"
    folder.mkdir(exist_ok=True)
    compiled(tools[0], "-Werror", "+deterministic", "-o", folder, *sorted((HERE / "erlang").glob("*.erl")))
    build.launcher(name, f'{tools[1]} -noinput -boot no_dot_erlang -pa "$lib/erlang" -run gen_tcp_connect main -extra')


PROGRAMS = {
    "go-dialer": go,
    "rust-threads": rust,
    "tokio": rust,
    "tokio-current-thread": rust,
    "mio": rust,
    "java-threads": java,
    "java-virtual-threads": java,
    "java-nio": java,
    "netty": java,
    "netty-epoll": java,
    "python-threads": python,
    "asyncio": python,
    "uvloop": python,
    "gevent": python,
    "node": node,
    "bun": bun,
    "erlang": erlang,
}


def build_one(build, name):
    """Builds one program; returns "" or why it was skipped. Nothing is left of a program that was skipped."""
    absent = build.programs / f"{name}.absent"
    try:
        PROGRAMS[name](build, name)
    except Skip as reason:
        (build.programs / name).unlink(missing_ok=True)
        absent.write_text(f"{reason}\n", encoding="utf-8")
        return str(reason)
    absent.unlink(missing_ok=True)
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="only print the names of all programs, for CMake")
    parser.add_argument("--programs", type=Path, metavar="DIR", help="where the programs go")
    parser.add_argument("--work", type=Path, metavar="DIR", help="for what the toolchains keep")
    parser.add_argument("--only", metavar="NAME,...", help=f"only these of: {', '.join(PROGRAMS)}")
    given = parser.parse_args()
    if given.list:
        return print(";".join(PROGRAMS))
    if not given.programs or not given.work:
        parser.error("--programs and --work are needed")
    names = given.only.split(",") if given.only else list(PROGRAMS)
    if unknown := [name for name in names if name not in PROGRAMS]:
        parser.error(f"no program is called {unknown[0]!r}; there are {', '.join(PROGRAMS)}")
    build, failed, built = Build(given.programs.resolve(), given.work.resolve()), False, []
    for name in names:
        try:
            if reason := build_one(build, name):
                print(f"runtimes: skipped {name}: {reason}", flush=True)
            else:
                built.append(name)
        except Failed as error:
            failed = True
            print(f"runtimes: {name} does not compile: {error}", file=sys.stderr, flush=True)
    print(f"runtimes: built {', '.join(built) or 'none'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
