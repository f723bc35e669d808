"""Runs on hosts that Slurm starts. cluster_test.py runs them with --slurm."""

from on_hosts import LOST_WITHIN, PROGRAMS, RANK_OF_THIS_HOST, OnHosts, on, rows

LAUNCHER = "srun --mpi=pmix --input=0 --cpu-bind=none -N3 -n3"


class OnSlurm(OnHosts):
    def command(self, hosts, serve):
        run = [PROGRAMS / "connbench", "cluster", "run", "--launcher", LAUNCHER, "--serve", serve, "--syscalls", "off"]
        return [*map(str, run), "--quiet"]

    def test_two_hosts_connect_to_a_third(self):
        out = self.fine("--connector", "epoll", "--attempts", "10001", "--concurrency", "8", "--repetitions", "2",
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
        self.assertEqual(list(waves.values()), 2 * [{"0": "5001", "1": "5000", "*": "10001"}])
        self.assertEqual(len(rows(self.out, "samples.csv")), 2 * 10001)  # bytes of every kind came through srun

    def test_a_rank_is_killed(self):
        process = self.start("--connector", "epoll", "--attempts", "1000", "--concurrency", "8", "--arrival",
                             "uniform:2000/s", "--repetitions", "100")  # fmt: skip
        self.wait_for_waves(process, 1)
        on("h1", f"pkill -KILL {RANK_OF_THIS_HOST}")
        out, err = process.communicate(timeout=LOST_WITHIN)
        self.assertEqual(process.returncode, 5, out + err)
        self.assertFalse(self.facts()["complete"])
        self.assertIn("h1", [loss["host"] for loss in self.facts()["cluster"]["lost"]])

    def test_a_server_that_is_not_among_the_hosts(self):
        status, out, err = self.run_it("--connector", "epoll", "--concurrency", "8", serve="h9")
        self.assertEqual(status, 2, out + err)
        self.assertIn("--serve names a host that is not among those of --launcher", err)
