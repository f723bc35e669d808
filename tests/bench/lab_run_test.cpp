// Runs in the lab, as a user starts them, and what happens when a part of the lab dies.
#include <gmock/gmock.h>

#include "harness/connector/endpoint.h"
#include "harness/lab/lab.h"
#include "tests/bench/program.h"
#include "tests/bench/records.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class LabRun : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto why_not = lab::why_no_lab()) GTEST_SKIP() << *why_not;
  }
  std::string out(const std::string& name = "run") const { return folder_.path() / name; }

  std::vector<std::string> short_run(const std::string& name = "run") const {
    return {"run",        "--connector", "epoll,select",  "--target", "delayed:5ms,accepting,refused-far:2ms",
            "--attempts", "60",          "--concurrency", "20",       "--repetitions",
            "2",          "--timeout",   long_timeout,    "--out",    out(name)};
  }

  TemporaryFolder folder_;
};

TEST_F(LabRun, RecordsItsNetworkAndWhatTheLinkDid) {
  auto arguments = short_run();
  for (const char* more : {"--sysctl", "net.ipv4.tcp_syn_retries=2", "--sysctl", "net.ipv4.tcp_fin_timeout=7"})
    arguments.emplace_back(more);
  const Ended ended = connbench(arguments);
  ASSERT_EQ(ended.status, 0) << ended.err << ended.out;
  const auto run = json_of(out() + "/run.json");
  EXPECT_EQ(run.at("network"), "lab");
  EXPECT_EQ(run.at("complete"), true);
  const auto& lab = run.at("lab");
  EXPECT_EQ(lab.at("sysctls"), (nlohmann::json{{"net.ipv4.tcp_syn_retries", "2"}, {"net.ipv4.tcp_fin_timeout", "7"}}));
  EXPECT_EQ(run.at("environment").at("sysctls").at("net.ipv4.tcp_syn_retries"), 2);
  EXPECT_GT(lab.at("link").at("frames"), 4 * 60 * 3);
  EXPECT_GT(lab.at("link").at("lateness_p50_ns"), 0);
}

// 400 ports, a hundred per address: 300 connections in TIME_WAIT need three addresses, even when only the second
// connector leaves them there.
TEST_F(LabRun, SpreadsItsTargetsForTheConnectorThatKeepsItsPortsLongest) {
  const Ended ended =
      connbench({"run", "--connector", "epoll,epoll+close:fin", "--target", "accepting", "--attempts", "300",
                 "--timeout", long_timeout, "--concurrency", "10", "--repetitions", "1", "--syscalls", "off",
                 "--sysctl", "net.ipv4.ip_local_port_range=20000 20399", "--out", out()});
  ASSERT_EQ(ended.status, 0) << ended.err << ended.out;
  EXPECT_THAT(json_of(out() + "/run.json").at("warnings").dump(), Not(HasSubstr("ephemeral ports")));
}

TEST_F(LabRun, RecordsTheHandshakeOfEveryAttemptAndWhatTheConnectorAdds) {
  ASSERT_EQ(connbench(short_run()).status, 0);
  for (const Row& row : rows_of(out() + "/samples.csv")) {
    if (row.at("target") != "delayed:5ms") continue;
    EXPECT_GE(number(row, "handshake_ns"), 5'000'000);
    EXPECT_EQ(row.at("syn_retransmits"), "0");
    EXPECT_LE(number(row, "handshake_ns"), number(row, "finished_ns") - number(row, "started_ns"));
  }
  for (const Row& row : rows_of(out() + "/summary.csv"))
    EXPECT_EQ(row.at("target") == "delayed:5ms", !row.at("added_p50_ns").empty()) << row.at("target");
}

TEST_F(LabRun, LeavesTheHandshakeEmptyWhenASynWasRetransmitted) {
  const Ended ended = connbench({"run", "--connector", "epoll", "--target", "lossy-syn:1", "--attempts", "20",
                                 "--timeout", "5s", "--repetitions", "1", "--syscalls", "off", "--out", out()});
  ASSERT_EQ(ended.status, 0) << ended.err;
  for (const Row& row : rows_of(out() + "/samples.csv")) {
    EXPECT_EQ(row.at("syn_retransmits"), "1");
    EXPECT_EQ(row.at("handshake_ns"), "");
  }
  EXPECT_EQ(rows_of(out() + "/summary.csv").at(0).at("added_p50_ns"), "");
}

TEST_F(LabRun, WritesACaptureThatTcpdumpReads) {
  auto arguments = short_run();
  const std::string file = folder_.path() / "lab.pcap";
  arguments.insert(arguments.end(), {"--pcap", file});
  const Ended ended = connbench(arguments);
  ASSERT_EQ(ended.status, 0) << ended.err;
  const auto run = json_of(out() + "/run.json");
  const auto& capture = run.at("lab").at("capture");
  EXPECT_GT(capture.at("packets"), 0);
  EXPECT_EQ(capture.at("drops"), 0);
  const Ended read = Program({"/usr/bin/tcpdump", "--nano", "-nn", "-r", file, "tcp[tcpflags] == tcp-syn"}).wait();
  if (read.status == could_not_execute) GTEST_SKIP() << "no tcpdump here";
  ASSERT_EQ(read.status, 0) << read.err;
  EXPECT_THAT(read.out, HasSubstr("Out IP 198.18.0.1."));  // leaving the client
  EXPECT_THAT(read.out, HasSubstr("In  IP 198.18.0.1."));  // reaching the server
}

TEST_F(LabRun, SaysThatItCannotWriteTheCapture) {
  auto arguments = short_run();
  arguments.insert(arguments.end(), {"--pcap", folder_.path() / "nowhere" / "lab.pcap"});
  const Ended ended = connbench(arguments);
  EXPECT_EQ(ended.status, 2);
  EXPECT_THAT(ended.err, HasSubstr("--pcap"));
  EXPECT_THAT(ended.err, HasSubstr("nowhere"));
  EXPECT_FALSE(std::filesystem::exists(out()));
}

TEST_F(LabRun, SaysThatThereIsNoRoomForTheCapture) {
  auto arguments = short_run();
  arguments.insert(arguments.end(), {"--pcap", "/dev/full"});
  const Ended ended = connbench(arguments);
  EXPECT_EQ(ended.status, 5);
  EXPECT_THAT(ended.err, HasSubstr("the capture failed: No space left on device"));
}

TEST_F(LabRun, RefusesASysctlThatDoesNotExist) {
  auto arguments = short_run();
  arguments.insert(arguments.end(), {"--sysctl", "net.ipv4.tcp_sin_retries=2"});
  const Ended ended = connbench(arguments);
  EXPECT_EQ(ended.status, 2);
  EXPECT_THAT(ended.err, HasSubstr("net.ipv4.tcp_sin_retries"));
  EXPECT_FALSE(std::filesystem::exists(out()));
}

TEST_F(LabRun, IsNotDisturbedByAnotherRun) {
  auto first = short_run("first");
  auto second = short_run("second");
  for (auto* arguments : {&first, &second}) arguments->insert(arguments->begin(), CONNBENCH_PROGRAM);
  Program one(first);
  Program other(second);
  const Ended one_ended = one.wait();
  const Ended other_ended = other.wait();
  EXPECT_EQ(one_ended.status, 0) << one_ended.err;
  EXPECT_EQ(other_ended.status, 0) << other_ended.err;
}

// Attempts at a host that never answers, in a lab with these sysctls.
class UnansweredAttempt : public LabRun {
 protected:
  Row of(const std::string& connector, const std::vector<std::string>& sysctls, const std::string& timeout = "1min") {
    return among(1, connector, sysctls, timeout).at(0);
  }
  // So many of them, begun at about 1,000 per second: not in step with a clock that counts milliseconds.
  std::vector<Row> among(int attempts, const std::string& connector, const std::vector<std::string>& sysctls,
                         const std::string& timeout) {
    const std::string count = std::to_string(attempts);
    std::vector<std::string> arguments{
        "run",           "--connector", connector,   "--target",       "blackhole",     "--attempts", count,
        "--concurrency", count,         "--arrival", "poisson:1000/s", "--repetitions", "1",          "--syscalls",
        "off",           "--timeout",   timeout,     "--wave-limit",   "30s",           "--out",      out()};
    for (const std::string& sysctl : sysctls) arguments.insert(arguments.end(), {"--sysctl", "net.ipv4." + sysctl});
    std::filesystem::remove_all(out());
    const Ended ended = connbench(arguments);
    EXPECT_EQ(ended.status, 0) << ended.err;
    return rows_of(out() + "/samples.csv");
  }
  static double seconds(const Row& row) {
    return static_cast<double>(number(row, "finished_ns") - number(row, "started_ns")) / 1e9;
  }
};

TEST_F(UnansweredAttempt, FitsTheKernelsRule) {
  for (const auto& [retries, expected_s] : {std::pair{"1", 3.0}, {"2", 7.0}}) {
    const Row row = of("blocking", {fmt::format("tcp_syn_retries={}", retries), "tcp_syn_linear_timeouts=0"});
    EXPECT_EQ(row.at("outcome"), "peer_timeout");
    EXPECT_NEAR(seconds(row), expected_s, expected_s * 0.1);
  }
}

// With retransmissions every second, the two of the usual doubling would be over after 3 s.
TEST_F(UnansweredAttempt, IsNotGivenUpEarlyWhereTheKernelRetransmitsEverySecond) {
  if (!std::filesystem::exists("/proc/sys/net/ipv4/tcp_rto_max_ms")) GTEST_SKIP() << "Linux 6.15 has tcp_rto_max_ms";
  EXPECT_GE(seconds(of("syncnt-threads", {"tcp_rto_max_ms=1000", "tcp_syn_linear_timeouts=0"}, "3500ms")), 3.5);
}

// With TCP_USER_TIMEOUT, the deadline and the kernel's own limit end an attempt with the same errno.
TEST_F(UnansweredAttempt, IsThePeersTimeoutWhereTheKernelGivesUpBeforeTheDeadline) {
  const Row row = of("user-timeout-threads", {"tcp_syn_retries=1", "tcp_syn_linear_timeouts=0"});
  EXPECT_EQ(row.at("outcome"), "peer_timeout");
}

// The kernel compares whole milliseconds when it retransmits: for the second time about 2,040 ms after the SYN. Of many
// attempts some would end within the last millisecond before the deadline, as those of the peer.
TEST_F(UnansweredAttempt, IsNeverGivenUpWithinTheLastMillisecondBeforeItsDeadline) {
  for (const Row& row : among(500, "user-timeout-threads", {}, "2035ms")) {
    EXPECT_EQ(row.at("outcome"), "deadline_exceeded");
    EXPECT_GE(seconds(row), 2.035);
  }
}

// A run in the lab that only a death ends.
class DyingRun : public LabRun {
 protected:
  // The process of `program` that has such a name, once it is there.
  static pid_t process_named(const Program& program, const std::string& name) {
    const TimePoint until = now() + patience;
    while (now() < until && !program.ends_within(std::chrono::milliseconds(5)))
      for (const pid_t pid : processes_of_session(program.pid()))
        if (read_text(fmt::format("/proc/{}/comm", pid)) == name) return pid;
    ADD_FAILURE() << name << " did not appear";
    return 0;
  }

  // Seen from outside it has two numbers, and the inner one is 1.
  static pid_t first_of_its_namespace(const Program& program) {
    for (const pid_t pid : processes_of_session(program.pid())) {
      const std::string status = read_text(fmt::format("/proc/{}/status", pid)).value_or("");
      const size_t numbers = status.find("NSpid:");
      if (numbers == std::string::npos) continue;
      if (status.substr(numbers, status.find('\n', numbers) - numbers).ends_with("\t1")) return pid;
    }
    ADD_FAILURE() << "there is none";
    return 0;
  }

  std::vector<std::string> endless() const {
    return {CONNBENCH_PROGRAM, "run",  "--connector",   "epoll", "--target",  "blackhole,delayed:5ms",
            "--attempts",      "200",  "--concurrency", "50",    "--timeout", "60s",
            "--repetitions",   "3000", "--syscalls",    "off",   "--out",     out()};
  }

  void expect_a_clear_end(Program& program, const char* who) const {
    const Ended ended = program.wait();
    EXPECT_EQ(ended.status, 5) << ended.err;
    EXPECT_THAT(ended.err, HasSubstr(who));
    EXPECT_THAT(ended.out, Not(HasSubstr("--wave-limit"))) << "the end comes from a death, not from a limit";
    EXPECT_THAT(program.left_behind(), IsEmpty());
    EXPECT_EQ(json_of(out() + "/run.json").at("complete"), false);
  }

  void wait_for_the_first_records(const Program& program) const {
    wait_until(program,
               [&] { return !content_of(out() + "/samples.csv").empty() && !content_of(out() + "/run.json").empty(); });
  }
};

TEST_F(DyingRun, SaysSoWhenTheLinkIsKilled) {
  Program program(endless());
  wait_for_the_first_records(program);
  ::kill(process_named(program, "connbench-link"), SIGKILL);
  expect_a_clear_end(program, "link died");
}

TEST_F(DyingRun, SaysSoWhenAServerIsKilled) {
  Program program(endless());
  wait_for_the_first_records(program);
  ::kill(process_named(program, "connbench-serve"), SIGKILL);
  expect_a_clear_end(program, "died");
}

TEST_F(DyingRun, SaysSoWhenTheRunItselfIsKilledInsideTheLab) {
  Program program(endless());
  wait_for_the_first_records(program);
  ::kill(first_of_its_namespace(program), SIGKILL);
  expect_a_clear_end(program, "killed by signal 9");
}

TEST_F(DyingRun, LeavesNothingWhenItIsKilledFromOutside) {
  Program program(endless());
  wait_for_the_first_records(program);
  ::kill(program.pid(), SIGKILL);
  program.wait();
  EXPECT_THAT(program.left_behind(), IsEmpty());
}

TEST_F(DyingRun, IsInterruptedFromOutside) {
  Program program(endless());
  wait_for_the_first_records(program);
  ::kill(program.pid(), SIGTERM);
  const Ended ended = program.wait();
  EXPECT_EQ(ended.status, 128 + SIGTERM) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("interrupted"));
  EXPECT_THAT(program.left_behind(), IsEmpty());
}

void refuse_unshare() {
  refuse(SYS_unshare);
}

class NoLab : public testing::Test {
 protected:
  std::vector<std::string> run(const std::string& targets) const {
    return {"run", "--connector", "epoll",      "--target",   targets, "--attempts", "20", "--repetitions",
            "1",   "--timeout",   long_timeout, "--syscalls", "off",   "--out",      out()};
  }
  std::string out() const { return folder_.path() / "run"; }
  TemporaryFolder folder_;
};

TEST_F(NoLab, SkipsItsTargetsWithTheReasonAndGoesOn) {
  const Ended ended = connbench(run("accepting,delayed:5ms"), refuse_unshare);
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.out, testing::AllOf(HasSubstr("delayed:5ms needs the lab"), HasSubstr("unshare")));
  const auto run = json_of(out() + "/run.json");
  EXPECT_EQ(run.at("network"), "host");
  EXPECT_EQ(run.at("skipped").size(), 1U);
}

TEST_F(NoLab, LacksWhatWasAskedForWhenNothingElseWas) {
  const Ended ended = connbench(run("delayed:5ms"), refuse_unshare);
  EXPECT_EQ(ended.status, 3);
  EXPECT_THAT(ended.err, HasSubstr("run as root"));
}

TEST_F(NoLab, CannotSetSysctlsOfTheLab) {
  auto arguments = run("accepting");
  arguments.insert(arguments.end(), {"--sysctl", "net.ipv4.tcp_syn_retries=2"});
  EXPECT_EQ(connbench(arguments, refuse_unshare).status, 3);
}

TEST_F(NoLab, IsTheDoctorsFinding) {
  EXPECT_THAT(connbench({"doctor"}).out, HasSubstr("the lab"));
  EXPECT_THAT(connbench({"doctor"}, refuse_unshare).out, HasSubstr("cannot be made"));
}

// A listener on loopback plays the host outside.
class External : public testing::Test {
 protected:
  void SetUp() override {
    socket_ = UniqueFd(checked(::socket(AF_INET, SOCK_STREAM, 0), "socket"));
    const Endpoint any_port = Endpoint::ipv4(INADDR_LOOPBACK, 0);
    checked(::bind(socket_.get(), any_port.address(), any_port.size()), "bind");
    checked(::listen(socket_.get(), 4096), "listen");
    host_ = Endpoint::of_socket(socket_.get()).to_string();
  }
  std::vector<std::string> run(std::initializer_list<std::string> more) const {
    std::vector<std::string> arguments{"run",        "--connector",   "epoll",      "--target",  host_,
                                       "--attempts", "100",           "--syscalls", "off",       "--out",
                                       out(),        "--repetitions", "1",          "--timeout", long_timeout};
    arguments.insert(arguments.end(), more);
    return arguments;
  }
  std::string out() const { return folder_.path() / "run"; }

  UniqueFd socket_{-1};
  std::string host_;
  TemporaryFolder folder_;
};

TEST_F(External, NeedsAValidPort) {
  for (const char* host : {"127.0.0.1:0", "127.0.0.1:99999"}) {
    host_ = host;
    const Ended ended = connbench(run({"--external"}));
    EXPECT_EQ(ended.status, 2);
    EXPECT_THAT(ended.err, AllOf(HasSubstr(host), HasSubstr("1 to 65535")));
  }
}

TEST_F(External, IsRefusedWithoutItsFlag) {
  const Ended ended = connbench(run({}));
  EXPECT_EQ(ended.status, 2);
  EXPECT_THAT(ended.err, HasSubstr("--external"));
}

TEST_F(External, KeepsItsRate) {
  const Ended ended = connbench(run({"--external"}));
  ASSERT_EQ(ended.status, 0) << ended.err;
  const auto rows = rows_of(out() + "/samples.csv");
  ASSERT_EQ(rows.size(), 100U);
  for (size_t i = 1; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].at("outcome"), "connected");
    EXPECT_GE(number(rows[i], "scheduled_ns") - number(rows[i - 1], "scheduled_ns"), 1'000'000);
  }
  EXPECT_EQ(json_of(out() + "/run.json").at("network"), "host");
}

TEST_F(External, RaisesEachBoundByItsOwnFlag) {
  auto many = run({"--external"});
  std::ranges::replace(many, std::string("100"), std::string("10001"));
  EXPECT_THAT(connbench(many).err, HasSubstr("--external-attempts 10001"));
  EXPECT_THAT(connbench(run({"--external", "--concurrency", "257"})).err, HasSubstr("--external-concurrency 257"));
  EXPECT_THAT(connbench(run({"--external", "--arrival", "uniform:1001/s"})).err, HasSubstr("--external-rate"));
  const Ended raised = connbench(
      run({"--external", "--concurrency", "257", "--external-concurrency", "257", "--external-rate", "100000/s"}));
  EXPECT_EQ(raised.status, 0) << raised.err;
}

TEST_F(External, IsNotMeasuredTogetherWithTheLab) {
  auto arguments = run({"--external"});
  arguments[4] += ",delayed:5ms";
  const Ended ended = connbench(arguments);
  EXPECT_EQ(ended.status, 2);
  EXPECT_THAT(ended.err, HasSubstr("lab"));
}

}  // namespace
}  // namespace connbench
