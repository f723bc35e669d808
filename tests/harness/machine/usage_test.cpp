#include "harness/machine/usage.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "harness/connector/endpoint.h"
#include "harness/machine/machine.h"
#include "harness/machine/processors.h"
#include "harness/process/affinity.h"
#include "harness/process/ask_in_child.h"
#include "harness/support/clock.h"
#include "harness/support/unique_fd.h"
#include "tests/support/sanitizer.h"

namespace connbench {
namespace {

using std::chrono::milliseconds;

int64_t thread_cpu_ns() {
  timespec t;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

void burn(Duration cpu_time) {
  for (const int64_t end = thread_cpu_ns() + cpu_time.count(); thread_cpu_ns() < end;) {
  }
}

// A process that has done `work` when the constructor returns, and lives as long as this object.
class Child {
 public:
  explicit Child(const std::function<void()>& work) {
    int ends[2];
    checked(::pipe2(ends, O_CLOEXEC), "pipe2");
    const UniqueFd from(ends[0]);
    UniqueFd to(ends[1]);
    pid_ = checked(::fork(), "fork");
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      work();
      to.reset(-1);
      for (;;) ::pause();
    }
    to.reset(-1);
    char byte;
    EXPECT_EQ(::read(from.get(), &byte, 1), 0);
  }
  ~Child() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

pid_t pid_of_a_dead_process() {
  return Child([] {}).pid();
}

int64_t ask_shell(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "re");
  long long number = -1;
  if (::fscanf(pipe, "%lld", &number) != 1) number = -1;
  ::pclose(pipe);
  return number;
}

// The clocks behind Usage, read by other code. Two readings around those of Usage and two between them bound the
// difference from above and below, however busy the machine is.
struct Clocks {
  int64_t cpu_ns, user_ns, sys_ns;
};
Clocks read_clocks() {
  timespec t;
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  rusage used;
  ::getrusage(RUSAGE_SELF, &used);
  const auto ns = [](const timeval& v) { return v.tv_sec * 1'000'000'000 + v.tv_usec * 1000; };
  return {t.tv_sec * 1'000'000'000 + t.tv_nsec, ns(used.ru_utime), ns(used.ru_stime)};
}

struct Measured {
  Usage used;
  Clocks inner, outer;
};
Measured measure(const std::function<void()>& work) {
  const Clocks first = read_clocks();
  const Usage before = read_usage_before(0);
  const Clocks second = read_clocks();
  work();
  const Clocks third = read_clocks();
  const Usage after = read_usage_after(0);
  const Clocks fourth = read_clocks();
  const auto difference = [](const Clocks& a, const Clocks& b) {
    return Clocks{a.cpu_ns - b.cpu_ns, a.user_ns - b.user_ns, a.sys_ns - b.sys_ns};
  };
  return {after - before, difference(third, second), difference(fourth, first)};
}

TEST(Usage, CountsAllCpuTimeOfThisProcess) {
  const auto [used, inner, outer] = measure([] {
    burn(milliseconds(20));
    std::thread(burn, milliseconds(20)).join();
  });
  EXPECT_GE(used.cpu_ns, Duration(milliseconds(40)).count());
  EXPECT_GE(used.cpu_ns, inner.cpu_ns);
  EXPECT_LE(used.cpu_ns, outer.cpu_ns);
}

TEST(Usage, SplitsCpuTimeAsTheKernelDoes) {
  const auto [used, inner, outer] = measure([] {
    burn(milliseconds(20));
    for (int i = 0; i < 10'000; ++i) ::getppid();
  });
  EXPECT_GE(used.cpu_user_ns, inner.user_ns);
  EXPECT_LE(used.cpu_user_ns, outer.user_ns);
  EXPECT_GE(used.cpu_sys_ns, inner.sys_ns);
  EXPECT_LE(used.cpu_sys_ns, outer.sys_ns);
}

TEST(Usage, TimeAsleepIsNotCpuTime) {
  const auto [used, inner, outer] = measure([] { std::this_thread::sleep_for(milliseconds(100)); });
  EXPECT_LE(used.cpu_ns, outer.cpu_ns);
  EXPECT_GE(used.voluntary_switches, 1);
}

TEST(Usage, CountsTheCpuTimeOfTheServer) {
  int to_child[2], from_child[2];
  ASSERT_EQ(::pipe2(to_child, O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(from_child, O_CLOEXEC), 0);
  const UniqueFd go_here(to_child[0]), go(to_child[1]), done(from_child[0]), done_here(from_child[1]);
  const pid_t server = ::fork();
  if (server == 0) {
    char byte;
    if (::read(go_here.get(), &byte, 1) != 1) ::_exit(1);
    burn(milliseconds(30));
    if (::write(done_here.get(), &byte, 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  const Usage before = read_usage_before(server);
  char byte = 0;
  EXPECT_EQ(::write(go.get(), &byte, 1), 1);
  EXPECT_EQ(::read(done.get(), &byte, 1), 1);
  const Usage used = read_usage_after(server) - before;
  ::kill(server, SIGKILL);
  ::waitpid(server, nullptr, 0);
  EXPECT_GE(used.server_cpu_ns, Duration(milliseconds(30)).count());
}

TEST(Usage, ADeadServerHasNoCpuTime) {
  EXPECT_EQ(read_usage_before(pid_of_a_dead_process()).server_cpu_ns, -1);
  EXPECT_EQ(read_usage_before(0).server_cpu_ns, -1);
}

TEST(Usage, ReadsSoftirqAndStealOfTheWholeMachine) {
  const int64_t tick_ns = 1'000'000'000 / ask_shell("getconf CLK_TCK");
  const Usage before = read_usage_before(0);
  const int64_t softirq = tick_ns * ask_shell("awk '$1 == \"cpu\" {print $8}' /proc/stat");
  const int64_t steal = tick_ns * ask_shell("awk '$1 == \"cpu\" {print $9}' /proc/stat");
  const Usage after = read_usage_after(0);
  EXPECT_LE(before.softirq_ns, softirq);
  EXPECT_GE(after.softirq_ns, softirq);
  EXPECT_LE(before.steal_ns, steal);
  EXPECT_GE(after.steal_ns, steal);
}

TEST(Usage, ReadsSoftirqsOfItsOwnProcessorsIfItIsConfined) {
  const int64_t tick_ns = 1'000'000'000 / ask_shell("getconf CLK_TCK");
  const std::vector<int> online = available_cpus();
  if (online.size() < 2) GTEST_SKIP() << "one processor: nothing to confine to";
  const std::string command = fmt::format("awk '$1 == \"cpu{}\" {{print $8}}' /proc/stat", online.back());
  const int64_t earlier = tick_ns * ask_shell(command);
  const ChildAnswer answer = ask_in_child([&] {
    run_on(0, std::span(online).last(1));
    return fmt::format("{}", read_usage_before(0).client_softirq_ns);
  });
  ASSERT_TRUE(answer.ok) << answer.text;
  EXPECT_GE(std::stoll(answer.text), earlier);
  EXPECT_LE(std::stoll(answer.text), tick_ns * ask_shell(command));
}

TEST(Usage, HasNoSoftirqsOfItsOwnIfItMayRunEverywhere) {
  if (available_cpus() != online_cpus()) GTEST_SKIP() << "it may not";
  const ChildAnswer answer = ask_in_child([] {
    run_on(0, available_cpus());
    return fmt::format("{}", read_usage_before(0).client_softirq_ns);
  });
  EXPECT_EQ(answer.text, "-1");
}

TEST(Usage, CountsOverflowsOfAListener) {
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM, 0));
  const Endpoint any = Endpoint::ipv4(INADDR_LOOPBACK, 0);
  ASSERT_EQ(::bind(listener.get(), any.address(), any.size()), 0);
  ASSERT_EQ(::listen(listener.get(), 0), 0);
  const Endpoint address = Endpoint::of_socket(listener.get());
  const UniqueFd filling(::socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(::connect(filling.get(), address.address(), address.size()), 0);

  const Usage before = read_usage_before(0);
  ASSERT_GE(before.listen_overflows, 0);
  const UniqueFd dropped(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  ::connect(dropped.get(), address.address(), address.size());
  const TimePoint give_up = now() + std::chrono::seconds(10);
  Usage after = before;
  while (after.listen_overflows == before.listen_overflows && now() < give_up) after = read_usage_after(0);
  EXPECT_GE((after - before).listen_overflows, 1);
  const int64_t by_name = ask_shell(
      "awk '$1 == \"TcpExt:\" {if (!n) {for (i = 2; i <= NF; ++i) if ($i == \"ListenOverflows\") n = i} "
      "else print $n}' /proc/net/netstat");
  EXPECT_LE(after.listen_overflows, by_name);
  EXPECT_GE(read_usage_after(0).listen_overflows, by_name);
}

TEST(Usage, ReportsThePeakOfMemory) {
  constexpr size_t mebibytes = 64;
  const int64_t resident_kib = ask_shell(fmt::format("awk '/VmRSS:/ {{print $2}}' /proc/{}/status", ::getpid()));
  void* memory =
      ::mmap(nullptr, mebibytes << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  ::munmap(memory, mebibytes << 20);
  const int64_t peak = read_usage_after(0).rss_peak_kib;
  EXPECT_GE(peak, resident_kib + int64_t{mebibytes} * 1024 * 9 / 10);  // the kernel batches its counters
  EXPECT_EQ(peak, ask_shell(fmt::format("awk '/VmHWM:/ {{print $2}}' /proc/{}/status", ::getpid())));
}

TEST(Usage, TheDifferenceKeepsTheLaterPeak) {
  Usage before, after;
  before.rss_peak_kib = 1000;
  after.rss_peak_kib = 1200;
  EXPECT_EQ((after - before).rss_peak_kib, 1200);
}

TEST(Usage, AFieldThatEitherReadingLacksIsMissingInTheDifference) {
  Usage before, after;
  before.steal_ns = 5;
  after.softirq_ns = 5;
  before.cpu_ns = 5;
  after.cpu_ns = 12;
  const Usage difference = after - before;
  EXPECT_EQ(difference.steal_ns, -1);
  EXPECT_EQ(difference.softirq_ns, -1);
  EXPECT_EQ(difference.cpu_ns, 7);
}

TEST(Footprint, CountsThreadsAndDescriptorsWhateverTheNameOfTheProcess) {
  SKIP_UNDER_THREAD_SANITIZER();
  const Child child([] {
    ::prctl(PR_SET_NAME, "a) R 1 (b c");
    for (int i = 0; i < 3; ++i) std::thread([] { ::pause(); }).detach();
  });
  const Footprint footprint = read_footprint(child.pid());
  EXPECT_EQ(footprint.threads, 4);
  EXPECT_EQ(footprint.fds, ask_shell(fmt::format("ls /proc/{}/fd | wc -l", child.pid())));
}

TEST(Footprint, CountsChildren) {
  std::atomic<pid_t> threads[2]{};
  const Child child([] {
    for (int i = 0; i < 3; ++i) {
      if (::fork() != 0) continue;
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::close_range(STDERR_FILENO + 1, ~0U, 0);  // the pipe of Child
      for (;;) ::pause();
    }
  });
  EXPECT_EQ(read_footprint(child.pid(), threads).children, 3);
}

TEST(Usage, ContainsChildrenThatHaveEnded) {
  const Usage before = read_usage_before(0);
  const pid_t child = checked(::fork(), "fork");
  if (child == 0) {
    burn(milliseconds(50));
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  const Usage cost = read_usage_after(0) - before;
  EXPECT_GE(cost.cpu_ns, 40'000'000);
  EXPECT_GE(cost.cpu_user_ns + cost.cpu_sys_ns, 40'000'000);
}

TEST(Footprint, CountsEveryOpenDescriptor) {
  const Footprint before = read_footprint(::getpid());
  std::vector<UniqueFd> more;
  for (int i = 0; i < 10; ++i) more.emplace_back(::dup(STDIN_FILENO));
  EXPECT_EQ(read_footprint(::getpid()).fds, before.fds + 10);
}

TEST(Footprint, CountsDescriptorsInTheTablesOfOtherThreads) {
  std::atomic<pid_t> threads[2]{};
  std::atomic<bool> over{false};
  std::jthread own([&] {
    checked(::unshare(CLONE_FILES), "unshare");
    std::vector<UniqueFd> more;
    for (int i = 0; i < 10; ++i) more.emplace_back(::dup(STDIN_FILENO));
    threads[0] = ::gettid();
    over.wait(false);
  });
  while (threads[0] == 0) std::this_thread::yield();
  const int64_t alone = read_footprint(::getpid()).fds;
  EXPECT_EQ(read_footprint(::getpid(), threads).fds, 2 * alone + 10) << "its table began as a copy";
  over = true;
  over.notify_one();
}

TEST(Footprint, ADeadProcessHasNone) {
  const Footprint footprint = read_footprint(pid_of_a_dead_process());
  EXPECT_EQ(footprint.threads, -1);
  EXPECT_EQ(footprint.fds, -1);
}

}  // namespace
}  // namespace connbench
