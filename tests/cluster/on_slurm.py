"""Runs on hosts that Slurm starts. cluster_test.py runs them with --slurm."""

from on_hosts import PROGRAMS, OnHosts, rows

LAUNCHER = "srun --mpi=pmix --input=0 --cpu-bind=none -N3 -n3"


class OnSlurm(OnHosts):
    def command(self, hosts, serve):
        run = [PROGRAMS / "connbench", "cluster", "run", "--launcher", LAUNCHER, "--serve", serve, "--syscalls", "off"]
        return [*map(str, run), "--quiet"]

    def test_two_hosts_connect_to_a_third(self):
        out = self.fine("--connector", "epoll", "--attempts", "1001", "--concurrency", "8", "--repetitions", "2",
                        "--by-host")  # fmt: skip
        self.assertRegex(out, "by host:\n(.*\n)* *epoll on h0 .*\n *epoll on h1 ")
        facts = self.facts()
        self.assertTrue(facts["complete"])
        self.assertEqual(
            {host["name"]: host["does"] for host in facts["cluster"]["hosts"]},
            {"h0": "connects", "h1": "connects", "h2": "serves"},
        )
        waves = {}
        for row in rows(self.out):
            waves.setdefault(row["repetition"], {})[row["rank"]] = row["connected"]
        self.assertEqual(list(waves.values()), 2 * [{"0": "501", "1": "500", "*": "1001"}])

    def test_a_server_that_is_not_among_the_hosts(self):
        status, out, err = self.run_it("--connector", "epoll", "--concurrency", "8", serve="h9")
        self.assertEqual(status, 2, out + err)
        self.assertIn("--serve names a host that is not among those of --launcher", err)
