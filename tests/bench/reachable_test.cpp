// What the documents promise can happen: every outcome, stage, column and warning can be had from the command line.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "harness/lab/lab.h"
#include "harness/machine/processors.h"
#include "harness/record/schema.h"
#include "tests/bench/failing_calls.h"
#include "tests/bench/own_network.h"
#include "tests/bench/program.h"
#include "tests/bench/records.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using testing::Contains;
using testing::HasSubstr;

// A race, or a busy machine, may hide what a run shows at once elsewhere.
constexpr int patient_tries = 50;

// One way to get an outcome with a stage.
struct Way {
  std::string outcome;
  std::string stage;
  std::vector<std::string> arguments;
  bool needs_lab = false;
  void (*prepare)() = [] {};
};

void PrintTo(const Way& way, std::ostream* out) {
  *out << way.outcome << " at " << way.stage;
}

std::vector<std::string> outside(const char* connector) {
  return {"--connector", connector, "--external", "--target", "127.0.0.1:9"};
}

std::vector<std::string> unanswered(const char* timeout, const char* limit) {
  return {"--connector", "epoll",     "--target", "backlog-full", "--concurrency",
          "5",           "--timeout", timeout,    "--wave-limit", limit};
}

// Before other processes, where that is permitted. Where the kernel groups processes by session, the nice value of a
// process counts within its session only, and that of the session among others (sched(7), autogroup).
void prefer() {
  ::setpriority(PRIO_PROCESS, 0, -20);
  const int session = ::open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);
  if (session < 0) return;
  [[maybe_unused]] const ssize_t written = ::write(session, "-20", 3);
  ::close(session);
}

void connect_fails(int error) {
  fail({{.number = SYS_connect, .error = error}});
}

// The stack of a thread cannot be mapped. No other mapping is as large as that.
constexpr uint32_t mebibytes_of_a_stack = 133;
void no_such_stacks() {
  fail(
      {{.number = SYS_mmap, .error = ENOMEM, .argument = 1, .mask = 0xFFF00000, .value = mebibytes_of_a_stack << 20U}});
}

// A server's sockets do not block, those of threads do.
void no_blocking_sockets() {
  fail({{.number = SYS_socket, .error = EMFILE, .argument = 1, .mask = ~0U, .value = SOCK_STREAM | SOCK_CLOEXEC}});
}

void no_send_timeout() {
  for (const uint32_t option : {uint32_t{SO_SNDTIMEO}, 67U})  // 67: SO_SNDTIMEO_NEW
    fail({{.number = SYS_setsockopt, .error = ENOMEM, .argument = 2, .mask = ~0U, .value = option}});
}

void one_port_for_itself() {
  enter_own_network();
  give_clients_ports(40004, 40005);
}

void gives_up_early() {
  enter_own_network();
  write_to("/proc/sys/net/ipv4/tcp_syn_retries", "1");
}

std::vector<Way> every_way() {
  return {
      {"connected", "connect", {"--connector", "blocking-threads"}},
      {"connected", "wait", {"--connector", "epoll"}},
      {"refused", "connect", {"--connector", "blocking-threads", "--target", "refusing"}},
      {"refused", "wait", {"--connector", "epoll", "--target", "refusing"}},
      {"reset", "wait", {"--connector", "epoll", "--target", "resetting", "--attempts", "500"}},
      {"unreachable", "wait", {"--connector", "epoll", "--target", "host-unreachable:1ms"}, true},
      {"unreachable", "connect", outside("epoll"), false, [] { connect_fails(EHOSTUNREACH); }},
      {"peer_timeout",
       "connect",
       {"--connector", "blocking-threads", "--target", "backlog-full", "--timeout", "1min"},
       false,
       gives_up_early},
      {"deadline_exceeded", "wait", unanswered("10ms", "1min")},
      {"never_started", "", unanswered("1min", "100ms")},
      {"cancelled", "wait", unanswered("1min", "100ms")},
      {"exhausted", "spawn", {"--connector", "blocking-threads+stack:133MiB"}, false, no_such_stacks},
      {"exhausted", "socket", {"--connector", "blocking-threads"}, false, no_blocking_sockets},
      {"exhausted", "option", {"--connector", "sndtimeo-threads"}, false, no_send_timeout},
      {"exhausted", "connect", outside("epoll"), false, [] { connect_fails(EADDRNOTAVAIL); }},
      {"not_permitted", "connect", {"--connector", "epoll", "--target", "prohibited"}, true},
      {"self_connected",
       "wait",
       {"--connector", "epoll", "--external", "--target", "127.0.0.1:40004", "--concurrency", "1"},
       false,
       one_port_for_itself},
      {"unexpected", "connect", outside("epoll"), false, [] { connect_fails(EPROTO); }},
  };
}

class Reachable : public testing::Test {
 protected:
  Ended run(
      std::vector<std::string> arguments, const std::function<void()>& prepare = [] {}) {
    std::filesystem::remove_all(out_);
    const auto given = [&](const char* flag) { return std::ranges::count(arguments, flag) > 0; };
    const auto add = [&](const char* flag, const char* value) {
      if (!given(flag)) arguments.insert(arguments.end(), {flag, value});
    };
    add("--concurrency", "10");
    add("--syscalls", "off");
    add("--repetitions", "1");
    if (!given("--find-rate") && !given("--duration")) add("--attempts", "20");
    arguments.insert(arguments.begin(), {"run", "--out", out_, "--quiet"});
    return connbench(arguments, prepare);
  }
  std::vector<Row> rows(const std::string& file) const { return rows_of(out_ + "/" + file); }
  std::string warnings() const { return json_of(out_ + "/run.json").at("warnings").dump(); }

  const TemporaryFolder folder_;
  const std::string out_ = folder_.path() / "run";
};

class Ways : public Reachable, public testing::WithParamInterface<Way> {};
INSTANTIATE_TEST_SUITE_P(Every, Ways, testing::ValuesIn(every_way()), [](const auto& test) {
  return test.param.outcome + "_at_" + (test.param.stage.empty() ? "none" : test.param.stage);
});

TEST_P(Ways, LeadsToItsOutcomeAndStage) {
  const Way& way = GetParam();
  if (const auto why_not = lab::why_no_lab(); way.needs_lab && why_not) GTEST_SKIP() << *why_not;
  for (int i = 0; i < patient_tries; ++i) {
    const Ended ended = run(way.arguments, way.prepare);
    if (ended.status == could_not_execute) GTEST_SKIP() << "not permitted here";
    ASSERT_THAT(ended.status, testing::AnyOf(0, 1)) << ended.err;
    for (const Row& row : rows("samples.csv"))
      if (row.at("outcome") == way.outcome && row.at("stage") == way.stage) return;
  }
  FAIL() << "it never did";
}

TEST(Reachables, AreAllOutcomesAndStages) {
  std::set<std::string> outcomes, stages;
  for (const Way& way : every_way()) {
    outcomes.insert(way.outcome);
    stages.insert(way.stage);
  }
  EXPECT_EQ(outcomes.size(), outcome_count);
  EXPECT_EQ(stages.size(), stage_count);
  for (const Outcome outcome : all_outcomes()) EXPECT_THAT(outcomes, Contains(to_string(outcome)));
}

// Columns that some row fills, with something else than 0 in those that count.
std::set<std::string> filled(const std::vector<Row>& rows) {
  std::set<std::string> columns;
  for (const Row& row : rows)
    for (const auto& [column, text] : row)
      if (!text.empty()) columns.insert(column);
  return columns;
}

TEST_F(Reachable, AreAllColumnsOfARun) {
  std::set<std::string> samples, summary;
  const auto collect = [&](std::vector<std::string> arguments) {
    const Ended ended = run(std::move(arguments));
    if (ended.status == 3) GTEST_SKIP() << ended.err;  // not so many descriptors
    ASSERT_THAT(ended.status, testing::AnyOf(0, 1)) << ended.err;
    samples.merge(filled(rows("samples.csv")));
    summary.merge(filled(rows("summary.csv")));
    if (ended.out.find("system calls are not counted") != std::string::npos) summary.insert("syscalls");
  };
  const std::string cpus = fmt::format("client={}", available_cpus().front());  // only then are its softirqs known
  collect({"--connector", "epoll", "--attempts", "5000", "--handshake", "on", "--syscalls", "on", "--cpus", cpus});
  collect({"--connector", "epoll", "--target", "backlog-full", "--attempts", "5000", "--concurrency", "5000",
           "--timeout", "20ms"});
  collect({"--connector", "epoll", "--target", "refusing"});
  collect({"--connector", "epoll+protocol:mptcp", "--local-port"});
  for (const std::string_view column : columns_of("samples.csv")) EXPECT_THAT(samples, Contains(column));
  for (const std::string_view column : columns_of("summary.csv")) EXPECT_THAT(summary, Contains(column));
}

TEST_F(Reachable, AreAllColumnsOfARamp) {
  const Ended ended =
      connbench({"exhaust", "threads", "--limit", "60", "--connector", "blocking-threads,epoll", "--pending", "800",
                 "--step", "400", "--healthy", "500", "--timeout", "1s", "--out", out_, "--quiet"});
  if (ended.status == 3) GTEST_SKIP() << ended.err;
  ASSERT_EQ(ended.status, 0) << ended.err;
  const auto found = filled(rows("exhaustion.csv"));
  for (const std::string_view column : columns_of("exhaustion.csv")) EXPECT_THAT(found, Contains(column));
}

// One way to get a warning.
struct Warned {
  std::string name;
  std::string warning;
  std::vector<std::string> arguments;
  void (*prepare)() = [] {};
  bool needs_lab = false;
};

void PrintTo(const Warned& warned, std::ostream* out) {
  *out << warned.name;
}

void few_ports() {
  enter_own_network();
  give_clients_ports(40000, 40015);
}

void short_queues() {
  enter_own_network();
  write_to("/proc/sys/net/core/somaxconn", "1");
}

// Each shard takes a descriptor table of its own, in the process of a wave and nowhere else.
void no_tables() {
  fail({{.number = SYS_close_range, .error = EPERM, .argument = 2, .mask = ~0U, .value = CLOSE_RANGE_UNSHARE}});
}

void refused_frames() {
  fail({{.number = SYS_sendmmsg, .error = ENOBUFS}});  // only the link sends several at a time
}

// The link may sleep longer than it asks for: it inherits a slack, and cannot set its own.
void late_frames() {
  ::prctl(PR_SET_TIMERSLACK, 20'000'000UL);
  fail({{.number = SYS_prctl, .error = EPERM, .argument = 0, .mask = ~0U, .value = PR_SET_TIMERSLACK}});
}

std::vector<Warned> every_warning() {
  return {
      {"FewPorts", "use more than half of the 16 ephemeral ports", outside("epoll"), few_ports},
      {"OddOutcome", "See the columns stage and os_error", {"--connector", "epoll"}, [] { connect_fails(EPROTO); }},
      {"WaveLimit",
       "The wave reached its limit: raise --wave-limit",
       {"--connector", "epoll", "--attempts", "100000", "--wave-limit", "1ms", "--samples", "none"}},
      {"ServerBound",
       "server-bound. The server used",
       {"--connector", "epoll", "--target", "slow-accept:1ns", "--attempts", "40", "--arrival", "uniform:100/s"},
       prefer},  // its server never sleeps
      {"ListenOverflow",
       "listen queues overflowed during these cases",
       {"--connector", "epoll", "--attempts", "500", "--concurrency", "250", "--timeout", "5s"},
       short_queues},
      {"NoCounter",
       "system calls are not counted: ",
       {"--connector", "epoll", "--syscalls", "on"},
       [] {
         ::setenv("PATH", "/nowhere", 1);
         refuse(SYS_perf_event_open);
       }},
      {"CountingFailed",
       "system calls are not counted, because the counting wave failed",
       {"--connector", "epoll", "--syscalls", "on", "--shards", "2"},
       no_tables},
      {"WaveFailed", "1 of 1 waves failed", {"--connector", "epoll", "--shards", "2"}, no_tables},
      {"SearchFailed",
       "the search for a rate ended early",
       {"--connector", "epoll", "--find-rate", "p50<5ms", "--shards", "2"},
       no_tables},
      {"NoRoom",
       "there is no room for more. Give --attempts, or a shorter --duration",
       {"--connector", "null", "--duration", "20ms"}},
      {"LinkDropped",
       "frames, which caused retransmissions",
       {"--connector", "epoll", "--target", "delayed:1ms", "--timeout", "50ms"},
       refused_frames,
       true},
      {"LinkLate",
       "the lab's link delivered frames late: by ",
       {"--connector", "epoll", "--target", "delayed:1ms", "--attempts", "200"},
       late_frames,
       true},
  };
}

class Warnings : public Reachable, public testing::WithParamInterface<Warned> {};
INSTANTIATE_TEST_SUITE_P(Every, Warnings, testing::ValuesIn(every_warning()),
                         [](const auto& test) { return test.param.name; });

TEST_P(Warnings, CanBeHad) {
  const Warned& warned = GetParam();
  if (const auto why_not = lab::why_no_lab(); warned.needs_lab && why_not) GTEST_SKIP() << *why_not;
  if (warned.prepare == no_tables && thread_sanitizer) GTEST_SKIP() << "its shards share one descriptor table";
  for (int i = 0; i < patient_tries; ++i) {
    const Ended ended = run(warned.arguments, warned.prepare);
    if (ended.status == could_not_execute) GTEST_SKIP() << "not permitted here";
    ASSERT_THAT(ended.status, testing::AnyOf(0, 1)) << ended.err;
    if (warnings().find(warned.warning) != std::string::npos) return;
  }
  if (warned.prepare == prefer && ::geteuid() != 0) GTEST_SKIP() << "only root can go before other programs";
  FAIL() << "it never came; the last run had " << warnings();
}

class RampWarnings : public Reachable {
 protected:
  std::string of(
      std::vector<std::string> arguments, const std::function<void()>& prepare = [] {}) {
    arguments.insert(arguments.begin(), {"exhaust", "fds", "--limit", "2000", "--connector", "epoll", "--healthy", "10",
                                         "--out", out_, "--quiet"});
    const Ended ended = connbench(arguments, prepare);
    EXPECT_THAT(ended.status, testing::AnyOf(0, 1)) << ended.err;
    return warnings();
  }
};

TEST_F(RampWarnings, SayThatDeadlinesPassedMeanwhile) {
  EXPECT_THAT(of({"--pending", "1000", "--step", "100", "--timeout", "1ms"}),
              HasSubstr("were pending at a time, because deadlines passed while others were started"));
}

TEST_F(RampWarnings, SayThatAttemptsEndedThatNothingAnswered) {
  EXPECT_THAT(of({"--pending", "100", "--timeout", "1min"}, [] { connect_fails(EHOSTUNREACH); }),
              HasSubstr("attempts that should never have been answered ended by themselves (the first: unreachable)"));
}

}  // namespace
}  // namespace connbench
