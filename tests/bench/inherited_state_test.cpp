// Programs that their parent started in an unusual state. tests/robustness runs every command in every such state; here
// is what a state must do, or not do, to a run.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "harness/support/sanitized.h"
#include "tests/bench/program.h"
#include "tests/bench/records.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Key;
using testing::Not;

class InheritedState : public testing::Test {
 protected:
  std::string out() const { return folder_.path() / "run"; }

  std::vector<std::string> run(const std::vector<std::string>& more) const {
    std::vector<std::string> words{CONNBENCH_PROGRAM, "run", "--attempts", "20", "--repetitions", "1", "--out", out()};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  // Only a signal ends it.
  std::vector<std::string> endless(const std::string& target) const {
    return {CONNBENCH_PROGRAM, "run",        "--connector", "epoll",      "--target", target,  "--repetitions",
            "10000",           "--attempts", "500",         "--syscalls", "off",      "--out", out()};
  }

  size_t waves() const {
    const std::string rows = content_of(out() + "/summary.csv");
    return static_cast<size_t>(std::ranges::count(rows, '\n'));
  }
  void wait_for_more_waves(const Program& program) const {
    const size_t before = waves();
    const TimePoint until = now() + patience;
    while (waves() < before + 3) {
      ASSERT_LT(now(), until) << "no waves were recorded";
      ASSERT_FALSE(program.ends_within(std::chrono::milliseconds(5))) << "it has ended";
    }
  }

  TemporaryFolder folder_;
};

std::function<void()> ignoring(int signal) {
  return [signal] { ::signal(signal, SIG_IGN); };
}

void block_all() {
  sigset_t all;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
}

bool has_descriptors(pid_t pid, long least) {
  std::error_code gone;
  const std::filesystem::directory_iterator all(fmt::format("/proc/{}/fd", pid), gone);
  return !gone && std::distance(all, {}) >= least;
}

// The child of a wave: neither the run itself nor a server, which has a name of its own, nor a child that tries
// something before, which has few descriptors. `attempts`: those that are pending, each with a socket.
pid_t wave_child_of(const Program& program, long attempts) {
  const TimePoint until = now() + patience;
  while (now() < until) {
    for (const pid_t pid : processes_of_session(program.pid()))
      if (pid != program.pid() && read_text(fmt::format("/proc/{}/comm", pid)) == "connbench" &&
          has_descriptors(pid, attempts))
        return pid;
    program.ends_within(std::chrono::milliseconds(1));
  }
  return -1;
}

TEST_F(InheritedState, IgnoredSigchldDoesNotHideHowAWaveEnded) {
  Program program(run({"--connector", "epoll", "--target", "backlog-full", "--timeout", "60s", "--syscalls", "off"}),
                  ignoring(SIGCHLD));
  const pid_t child = wave_child_of(program, 20);
  ASSERT_GT(child, 0);
  ::kill(child, SIGSEGV);
  const Ended ended = program.wait();
  EXPECT_EQ(ended.status, 1) << ended.err;
  const std::string how = sanitized ? "ended with status" : "killed by signal 11";  // a sanitizer catches the signal
  EXPECT_THAT(ended.out, HasSubstr(how));
}

// The cancelling signal must reach threads that are blocked in connect().
TEST_F(InheritedState, BlockedSignalsDoNotKeepThreadsFromBeingCancelled) {
  Program program(run({"--connector", "blocking-threads,signal-threads", "--target", "backlog-full", "--wave-limit",
                       "200ms", "--timeout", "50ms", "--concurrency", "20", "--syscalls", "off"}),
                  block_all);
  const Ended ended = program.wait();
  EXPECT_EQ(ended.status, 0) << ended.out << ended.err;
  EXPECT_THAT(ended.out, Not(HasSubstr("hangs")));
}

class ProtectedRun : public InheritedState, public testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(OnLoopbackAndInTheLab, ProtectedRun, testing::Values("accepting", "delayed:1ms"),
                         [](const auto& test) { return std::string(test.param).substr(0, 7); });

// nohup: the terminal closes, and the run goes on.
TEST_P(ProtectedRun, OutlivesItsTerminal) {
  Program program(endless(GetParam()), ignoring(SIGHUP));
  wait_for_more_waves(program);
  ::kill(-program.pid(), SIGHUP);
  wait_for_more_waves(program);
  ::kill(program.pid(), SIGINT);
  const Ended ended = program.wait();
  EXPECT_EQ(ended.status, 130) << ended.err;
  EXPECT_THAT(json_of(out() + "/run.json").at("environment").at("process").at("ignored_signals"), Contains("SIGHUP"));
  EXPECT_THAT(program.left_behind(), IsEmpty());
}

TEST_F(InheritedState, ARampOutlivesItsTerminalToo) {
  Program program(
      {CONNBENCH_PROGRAM, "exhaust", "threads", "--connector", "blocking-threads", "--limit", "32", "--out", out()},
      ignoring(SIGHUP));
  ASSERT_GT(wave_child_of(program, 10), 0);
  ::kill(-program.pid(), SIGHUP);
  const Ended ended = program.wait();
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_EQ(json_of(out() + "/run.json").at("complete"), true);
}

// "connbench … &" in a script: Ctrl-C is not meant for it.
TEST_P(ProtectedRun, OutlivesAnInterruptThatItsShellIgnores) {
  Program program(endless(GetParam()), ignoring(SIGINT));
  wait_for_more_waves(program);
  ::kill(-program.pid(), SIGINT);
  wait_for_more_waves(program);
  ::kill(program.pid(), SIGTERM);
  EXPECT_EQ(program.wait().status, 143);
  EXPECT_THAT(program.left_behind(), IsEmpty());
}

// perl -e 'alarm 10; exec @ARGV' connbench: a time limit for a program that has none.
TEST_P(ProtectedRun, IsEndedByAnAlarmOfItsParent) {
  Program program(endless(GetParam()), [] {
    const itimerval soon{.it_interval = {}, .it_value = {.tv_sec = 1, .tv_usec = 0}};
    ::setitimer(ITIMER_REAL, &soon, nullptr);
  });
  EXPECT_EQ(program.wait().signal, SIGALRM);
  EXPECT_THAT(program.left_behind(), IsEmpty());
}

TEST_F(InheritedState, VariablesCannotMakeALibraryWaitInAnotherWay) {
  Program program(run({"--connector", "libev,libevent", "--concurrency", "4"}), [] {
    ::setenv("LIBEV_FLAGS", "1", 1);  // select()
    ::setenv("EVENT_NOEPOLL", "1", 1);
    ::setenv("EVENT_SHOW_METHOD", "1", 1);
  });
  const Ended ended = program.wait();
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.err, Not(HasSubstr("using")));
  const auto record = json_of(out() + "/run.json");
  for (const char* name : {"LIBEV_FLAGS", "EVENT_NOEPOLL", "EVENT_SHOW_METHOD"})
    EXPECT_THAT(record.at("environment").at("process").at("removed_variables"), Contains(name));
  if (record.at("syscalls").empty()) GTEST_SKIP() << ended.out;
  for (const auto& counted : record.at("syscalls")) {
    const std::map<std::string, int> calls = counted.at("calls");
    EXPECT_THAT(calls, testing::AnyOf(Contains(Key("epoll_wait")), Contains(Key("epoll_pwait2")))) << counted;
    for (const char* other : {"select", "pselect6", "poll", "ppoll"}) EXPECT_THAT(calls, Not(Contains(Key(other))));
  }
}

// Root becomes another user there, to whom a limit on threads applies. With this bit it would keep its exemption.
TEST_F(InheritedState, SecurebitsDoNotExemptTheProbeOfAThreadLimit) {
  if (::getuid() != 0) GTEST_SKIP() << "only root may set securebits";
  Program program({CONNBENCH_PROGRAM, "probe", "--only", "S11", "--out", out()}, [] {
    if (::prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) != 0) ::_exit(could_not_execute);
  });
  const Ended ended = program.wait();
  if (ended.status == could_not_execute) GTEST_SKIP() << "securebits cannot be set here";
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("EAGAIN")) << "no limit was reached";
}

TEST_F(InheritedState, IsRecordedWhereItChangesFigures) {
  Program program(run({"--connector", "null", "--syscalls", "off"}), [] {
    ::setpriority(PRIO_PROCESS, 0, 19);
    ::prctl(PR_SET_TIMERSLACK, 10'000'000);
    ::setenv("MALLOC_ARENA_MAX", "1", 1);
    ::setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 1);
    const rlimit hour{3600, RLIM_INFINITY};
    ::setrlimit(RLIMIT_CPU, &hour);
  });
  const Ended ended = program.wait();
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("warning: this process was started at nice 19"));
  const auto record = json_of(out() + "/run.json");
  const auto& environment = record.at("environment");
  EXPECT_EQ(environment.at("process").at("nice"), 19);
  EXPECT_EQ(environment.at("process").at("variables").at("MALLOC_ARENA_MAX"), "1");
  EXPECT_EQ(environment.at("process").at("variables").at("GLIBC_TUNABLES"), "glibc.malloc.tcache_count=0");
  EXPECT_EQ(environment.at("limits").at("cpu").at("soft"), 3600);
  EXPECT_EQ(environment.at("timer_slack_ns"), 10'000'000);
  EXPECT_THAT(record.at("warnings").dump(), AllOf(HasSubstr("started at nice 19"), HasSubstr("timer slack")));
}

}  // namespace
}  // namespace connbench
