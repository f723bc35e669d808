// What is special about io-uring: the kernel may forbid it, its queue may overflow, its sockets have no descriptors.
#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <cstring>

#include "harness/process/ask_in_child.h"
#include "tests/impl/census.h"
#include "tests/impl/conformance/conformance.h"
#include "tests/impl/driven.h"

namespace connbench::conformance {
namespace {

class IoUring : public testing::Test {
 protected:
  static std::optional<std::string> refusal(size_t max_in_flight, ConnectionPolicy policy = {}) {
    const NamedConnector named = find_connector("io-uring");
    Retirement retirement(policy, 0);
    return named.entry->probe({named.options, max_in_flight, retirement});
  }
};

class IoUringHere : public IoUring {
 protected:
  void SetUp() override {
    if (const auto reason = refusal(16, {.close = CloseMode::hold, .handshake = true})) GTEST_SKIP() << *reason;
  }
};

// Makes every io_uring_setup() of this process fail with `error`.
bool forbid_io_uring(unsigned error) {
  sock_filter filter[] = {
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_io_uring_setup},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | error},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  };
  const sock_fprog program{.len = std::size(filter), .filter = filter};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// Returns what probe() says and what the constructor throws, in a child where io_uring_setup() fails.
std::string answer_when_setup_fails_with(unsigned error,
                                         std::optional<std::string> (*refusal)(size_t, ConnectionPolicy)) {
  const ChildAnswer answer = ask_in_child([&]() -> std::string {
    if (!forbid_io_uring(error)) return "no seccomp filter could be set";
    const std::string reason = refusal(16, {}).value_or("no reason");
    try {
      const NamedConnector named = find_connector("io-uring");
      Retirement retirement({}, 0);
      named.entry->make({named.options, 16, retirement});
      return reason + "; did not throw";
    } catch (const std::system_error& thrown) {
      return reason + "; threw " + thrown.what();
    }
  });
  EXPECT_TRUE(answer.ok);
  return answer.text;
}

TEST_F(IoUring, ReportsAKernelWithoutIt) {
  const std::string answer = answer_when_setup_fails_with(ENOSYS, refusal);
  EXPECT_NE(answer.find("this kernel has no io_uring"), std::string::npos) << answer;
  EXPECT_NE(answer.find("threw io_uring_setup"), std::string::npos) << answer;
}

TEST_F(IoUring, ReportsThatItIsForbidden) {
  const std::string answer = answer_when_setup_fails_with(EPERM, refusal);
  EXPECT_NE(answer.find("not permitted"), std::string::npos) << answer;
  EXPECT_NE(answer.find("threw io_uring_setup"), std::string::npos) << answer;
}

// Which limit that may be, and how to raise it, is tested with harness/machine/shortage.h.
TEST_F(IoUring, ReportsThatMemoryIsShort) {
  const std::string answer = answer_when_setup_fails_with(ENOMEM, refusal);
  EXPECT_NE(answer.find("io_uring_setup: Cannot allocate memory. "), std::string::npos) << answer;
}

// The limit has room for the ring of one connector, and the kernel frees a closed ring a little later.
TEST_F(IoUringHere, IsMadeAgainAtOnceByAUserWhoMayHaveOne) {
  const ChildAnswer answer = ask_in_child([]() -> std::string {
    constexpr uid_t some_other_user = 54'323;  // an unused ID, which has no other rings
    if (::getuid() == 0 && ::setuid(some_other_user) != 0) return std::strerror(errno);
    const rlimit limit{1 << 20, 1 << 20};
    ::setrlimit(RLIMIT_MEMLOCK, &limit);
    const NamedConnector named = find_connector("io-uring");
    for (int i = 0; i < 20; ++i) {
      Retirement retirement({}, 0);
      named.entry->make({named.options, 4'096, retirement});
    }
    return "made";
  });
  EXPECT_EQ(answer.text, "made");
}

TEST_F(IoUringHere, IsRefusedWithoutEnoughDirectDescriptors) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_FALSE(refusal(limit.rlim_cur));
  const auto reason = refusal(limit.rlim_cur + 1);
  ASSERT_TRUE(reason);
  EXPECT_NE(reason->find("RLIMIT_NOFILE"), std::string::npos) << *reason;
}

// Both ways of keeping deadlines end every attempt, and none too early.
TEST_F(IoUringHere, KeepsDeadlinesInBothWays) {
  const auto silent = find_target("backlog-full").open({.family = Family::ipv4, .open_at_once = 300});
  for (const auto* name : {"io-uring", "io-uring+deadline:link"}) {
    const NamedConnector named = find_connector(name);
    Retirement retirement({}, 0);
    const auto connector = named.entry->make({named.options, 300, retirement});
    std::vector<Sample> samples(900);
    const auto pacing = closed_loop();
    connbench::drive(*connector,
                     {.load = {.endpoints = silent->endpoints(), .limit = patience},
                      .concurrency = 300,
                      .timeout = 20ms,
                      .pacing = pacing.get()},
                     samples);
    EXPECT_EQ(connbench::count_of(Outcome::deadline_exceeded, samples), samples.size()) << name;
    for (const Sample& sample : samples) EXPECT_GE(sample.finished_ns - sample.started_ns, 20'000'000) << name;
  }
}

// Makes every io_uring_enter() of this process that both submits and waits fail with EBADF.
bool forbid_to_submit_and_wait_at_once() {
  constexpr auto low_half = [](int argument) {
    return static_cast<uint32_t>(offsetof(seccomp_data, args) + sizeof(uint64_t) * static_cast<size_t>(argument));
  };
  sock_filter filter[] = {
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 5, SYS_io_uring_enter},
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, low_half(1)},  // to_submit
      {BPF_JMP | BPF_JEQ | BPF_K, 3, 0, 0},
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, low_half(2)},  // min_complete
      {BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EBADF},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  };
  const sock_fprog program{.len = std::size(filter), .filter = filter};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// The kernel starts a wait after submitting the requests that come with it, which would delay the deadline.
TEST_F(IoUringHere, SubmitsBeforeItWaitsForADeadline) {
  const auto silent = find_target("backlog-full").open({.family = Family::ipv4});
  const ChildAnswer answer = ask_in_child([&]() -> std::string {
    if (!forbid_to_submit_and_wait_at_once()) return "no seccomp filter could be set";
    const NamedConnector named = find_connector("io-uring");
    Retirement retirement({}, 0);
    const auto connector = named.entry->make({named.options, 4, retirement});
    const auto attempts = attempts_on(silent->endpoints(), 4, 20ms);
    connector->submit(attempts);
    std::vector<Completion> completions;
    while (connector->in_flight() > 0) connector->reap(completions, now() + patience);
    return fmt::format("{} given up", count_of(Outcome::deadline_exceeded, completions));
  });
  EXPECT_TRUE(answer.ok) << answer.text;
  EXPECT_EQ(answer.text, "4 given up");
}

// Far more attempts end at one time than the completion queue holds, because nothing is reaped in the meantime.
TEST_F(IoUringHere, LosesNothingWhenEverythingEndsAtOnce) {
  constexpr size_t many = 5000;
  const auto silent = find_target("backlog-full").open({.family = Family::ipv4, .open_at_once = many});
  for (const auto* name : {"io-uring", "io-uring+deadline:link"}) {
    const NamedConnector named = find_connector(name);
    Retirement retirement({}, 0);
    const auto connector = named.entry->make({named.options, many, retirement});
    const auto attempts = attempts_on(silent->endpoints(), many, 100ms);
    ASSERT_EQ(connector->submit(attempts), many);
    std::this_thread::sleep_for(300ms);
    std::vector<Completion> completions;
    while (connector->in_flight() > 0) connector->reap(completions, now() + patience);
    std::unordered_set<uint64_t> ids;
    for (const Completion& completion : completions) ids.insert(completion.id);
    EXPECT_EQ(ids.size(), many) << name;
    EXPECT_EQ(completions.size(), many) << name;
    EXPECT_EQ(count_of(Outcome::deadline_exceeded, completions), many) << name;
  }
}

TEST_F(IoUringHere, ReadsTheHandshakeOfDirectDescriptors) {
  const auto target = find_target("accepting").open({.family = Family::ipv4});
  DrivenWave wave(*find_connector("io-uring").entry, 500, 64, {.close = CloseMode::rst, .handshake = true});
  const Census before = first_census();
  const auto& samples = wave.drive(target->endpoints(), patience, patience);
  EXPECT_EQ(connbench::count_of(Outcome::connected, samples), samples.size());
  EXPECT_TRUE(std::ranges::all_of(samples, [](const Sample& sample) { return sample.handshake_known; }));
  EXPECT_EQ(census_becoming(before), before);
}

// The first retransmission comes after one second. The count is lost once connect() has been ended.
TEST_F(IoUringHere, ReadsSynRetransmissionsOfAbandonedAttempts) {
  const auto silent = find_target("backlog-full").open({.family = Family::ipv4});
  for (const auto* name : {"io-uring", "io-uring+deadline:link"}) {
    const NamedConnector named = find_connector(name);
    Retirement retirement({.close = CloseMode::rst, .handshake = true}, 3);
    const auto connector = named.entry->make({named.options, 3, retirement});
    connector->submit(attempts_on(silent->endpoints(), 3, 1500ms));
    std::vector<Completion> completions;
    while (connector->in_flight() > 0) connector->reap(completions, now() + patience);
    for (const Completion& completion : completions) EXPECT_EQ(completion.handshake.syn_retransmits, 1U) << name;
    EXPECT_EQ(count_of(Outcome::deadline_exceeded, completions), 3U) << name;
  }
}

// Without a free descriptor, an established connection cannot be kept open and must not count as connected.
TEST_F(IoUringHere, ReportsAConnectionThatCannotBeKeptOpen) {
  const auto target = find_target("accepting").open({.family = Family::ipv4});
  DrivenWave wave(*find_connector("io-uring").entry, 20, 20, {.close = CloseMode::hold});
  const size_t used = entries_of("/proc/self/fd") - 1;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit few{.rlim_cur = used + 5, .rlim_max = limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  const auto& samples = wave.drive(target->endpoints(), patience, patience);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  EXPECT_EQ(connbench::count_of(Outcome::connected, samples) + connbench::count_of(Outcome::exhausted, samples), 20U);
  EXPECT_GT(connbench::count_of(Outcome::exhausted, samples), 0U);
}

}  // namespace
}  // namespace connbench::conformance
