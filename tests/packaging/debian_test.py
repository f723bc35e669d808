"""The Debian packages and the source archive, as cpack makes them of this build.

Usage: debian_test.py CPACK BUILD_FOLDER SOURCE_FOLDER
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest

CPACK, BUILD, SOURCE = sys.argv[1], *map(pathlib.Path, sys.argv[2:4])
PROGRAM, LIBRARY, CLUSTER = "connbench", "libconnbench-dev", "connbench-cluster"
HAS_MPI = (BUILD / "bin/connbench-mpi").exists()
OWN_DOCUMENTS = ("changelog.Debian.gz", "copyright")


def must(*command, **how):
    ended = subprocess.run(list(map(str, command)), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **how)
    if ended.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: exit status {ended.returncode}\n{ended.stdout}")
    return ended.stdout


class DebianTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        fast = ["-D", "CPACK_DEBIAN_COMPRESSION_TYPE=gzip"]
        must(CPACK, "--config", BUILD / "CPackConfig.cmake", "-G", "DEB", "-B", cls.folder, *fast)
        cls.packages = {path.name.partition("_")[0]: path for path in cls.folder.glob("*.deb")}
        cls.trees = {name: cls.folder / f"{name}.tree" for name in cls.packages}
        for name, path in cls.packages.items():
            must("dpkg-deb", "--extract", path, cls.trees[name])

    def field(self, package, name):
        return must("dpkg-deb", "--field", self.packages[package], name).strip()

    def files(self, package):
        tree = self.trees[package]
        return {str(path.relative_to(tree)) for path in tree.rglob("*") if not path.is_dir()}

    def test_they_share_no_file(self):
        self.assertEqual(set(self.packages), {PROGRAM, LIBRARY, CLUSTER} if HAS_MPI else {PROGRAM, LIBRARY})
        files = [file for package in self.packages for file in self.files(package)]
        self.assertEqual(len(files), len(set(files)))

    @unittest.skipUnless(HAS_MPI, "connbench-mpi is not built: apt-get install libopenmpi-dev")
    def test_only_that_of_several_machines_needs_mpi(self):
        self.assertEqual(self.files(CLUSTER) - {f"usr/share/doc/{CLUSTER}/{name}" for name in OWN_DOCUMENTS},
                         {"usr/bin/connbench-mpi"})  # fmt: skip
        needs = self.field(CLUSTER, "Depends")
        self.assertIn("libopenmpi", needs)
        self.assertIn(f"connbench (= {self.field(PROGRAM, 'Version')})", needs)
        for package in PROGRAM, LIBRARY:
            self.assertNotIn("mpi", self.field(package, "Depends") + self.field(package, "Recommends"))

    def test_they_depend_on_what_the_programs_and_the_cmake_package_need(self):
        needs = re.sub(r" \([^)]*\)", "", self.field(PROGRAM, "Depends")).split(", ")
        self.assertIn("python3", needs)
        for library in "libc6", "libpcap0.8", "liburing2":
            self.assertTrue(any(name.startswith(library) for name in needs), f"{library} is not in {needs}")
        for library in "libglib", "libqt6", "libpoco", "libace":  # of connectors that are programs
            self.assertFalse(any(name.startswith(library) for name in needs), f"{library} is in {needs}")
        recommended = self.field(PROGRAM, "Recommends")
        for name in "git", "python3-jsonschema", "python3-numpy", "python3-scipy", "strace":
            self.assertIn(name, recommended)
        needs = self.field(LIBRARY, "Depends")
        package = (BUILD / "connbenchConfig.cmake").read_text()
        for name in re.findall(r"connbench_needs_\w+\(.* (\S+-dev)\)", package) + ["libfmt-dev", "nlohmann-json3-dev"]:
            self.assertIn(name, needs)

    def test_they_have_what_belongs_to_them(self):
        program, library = self.files(PROGRAM), self.files(LIBRARY)
        shells = ("bash-completion/completions/connbench", "zsh/vendor-completions/_connbench")
        shells += ("fish/vendor_completions.d/connbench.fish",)
        wanted = {f"usr/share/{path}" for path in shells}
        wanted |= {"usr/bin/connbench", "usr/libexec/connbench/regress", "usr/share/man/man1/connbench-run.1.gz"}
        wanted |= {f"usr/share/doc/connbench/{name}" for name in ("README.md", "docs/gate.md", *OWN_DOCUMENTS)}
        self.assertEqual(wanted - program, set())
        headers = [path for path in program if path.endswith((".h", ".a", ".cmake")) and "/examples/" not in path]
        self.assertEqual(headers, [])
        wanted = {f"usr/share/doc/{LIBRARY}/{name}" for name in OWN_DOCUMENTS}
        wanted.add("usr/include/connbench/harness/connector/connector.h")
        self.assertEqual(wanted - library, set())
        for ending in "/connbenchConfig.cmake", "/libconnbench_conformance.a":
            self.assertTrue(any(path.endswith(ending) for path in library), ending)

    def test_the_program_works_where_it_was_unpacked(self):
        program = self.trees[PROGRAM] / "usr/bin/connbench"
        self.assertIn("epoll", must(program, "list"))
        self.assertIn("usage: connbench regress", must(program, "regress", "--help"))
        run = must(
            program,
            "run",
            "--connector",
            "epoll",
            "--attempts",
            "64",
            "--repetitions",
            "1",
            "--out",
            "run",
            cwd=self.folder,
        )
        self.assertIn("epoll", run)
        self.assertNotIn("scripts/", run)  # which a package does not have

    @unittest.skipUnless(
        os.environ.get("CONNBENCH_LINTIAN"), "takes long: set CONNBENCH_LINTIAN (test-on --packages runs it)"
    )
    def test_lintian_finds_no_error(self):
        for package in self.packages.values():
            must("lintian", "--fail-on", "error", "--allow-root", package)

    def test_archives_go_into_the_build_folder_wherever_cpack_is_called(self):
        for name in "CPackConfig.cmake", "CPackSourceConfig.cmake":
            text = (BUILD / name).read_text()
            self.assertIn(f'set(CPACK_PACKAGE_DIRECTORY "{BUILD}/packages")', text, name)

    @unittest.skipUnless((SOURCE / ".git").exists(), "this is no checkout")
    def test_the_source_archive_has_what_is_committed(self):
        must(CPACK, "--config", BUILD / "CPackSourceConfig.cmake", "-G", "TGZ", "-B", self.folder / "source")
        (path,) = (self.folder / "source").glob("*.tar.gz")
        name = path.name.removesuffix(".tar.gz")
        with tarfile.open(path) as archive:
            files = {member.name.partition("/")[2] for member in archive if not member.isdir()}
            commit = archive.extractfile(f"{name}/cmake/commit.txt").read().decode().strip()
        self.assertEqual(files, set(must("git", "-C", SOURCE, "ls-tree", "-r", "--name-only", "HEAD").split("\n")[:-1]))
        self.assertEqual(commit, must("git", "-C", SOURCE, "rev-parse", "HEAD").strip())


if __name__ == "__main__":
    lacking = [tool for tool in ("dpkg-deb", "dpkg-shlibdeps") if shutil.which(tool) is None]
    if lacking:
        print(f"skipped: {', '.join(lacking)}: apt-get install dpkg-dev")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=2)
