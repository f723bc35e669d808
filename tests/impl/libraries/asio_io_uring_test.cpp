// What is special about Asio over io_uring: the kernel may forbid it, and Asio's own code for it has had defects.
#include <gmock/gmock.h>
#include <sys/syscall.h>

#include "harness/process/ask_in_child.h"
#include "tests/impl/conformance/conformance.h"
#include "tests/impl/driven.h"
#include "tests/support/refused_calls.h"

namespace connbench::conformance {
namespace {

using testing::HasSubstr;

class AsioOverIoUring : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = refusal_of(entry_, 1)) GTEST_SKIP() << *reason;
  }
  const ConnectorEntry& entry_ = *find_connector("asio-io-uring").entry;
};

TEST_F(AsioOverIoUring, SaysThatTheKernelForbidsIt) {
  const ChildAnswer answer = ask_in_child([&]() -> std::string {
    refuse(SYS_io_uring_setup);
    const std::string reason = refusal_of(entry_, 1).value_or("no reason");
    try {
      const Connecting connecting(entry_, 1);
      return reason + "; did not throw";
    } catch (const std::system_error& error) {
      return reason + "; threw " + error.what();
    }
  });
  EXPECT_TRUE(answer.ok);
  EXPECT_THAT(answer.text, HasSubstr("io_uring_setup: not permitted"));
  EXPECT_THAT(answer.text, HasSubstr("threw io_uring_queue_init: Operation not permitted"));
}

// A ring has 16,384 entries, which are used again. Asio 1.22 leaves in them which socket they belonged to.
TEST_F(AsioOverIoUring, TakesNoAnswerForThatOfAnotherAttempt) {
  constexpr size_t at_once = 200;
  const auto silent = find_target("backlog-full").open({.family = Family::ipv4, .open_at_once = at_once});
  DrivenWave wave(entry_, 50 * at_once, at_once);  // two requests for each attempt, at least
  const auto& samples = wave.drive(silent->endpoints(), 5ms, patience);
  EXPECT_EQ(connbench::count_of(Outcome::deadline_exceeded, samples), samples.size());
}

// It cancels the attempt and does not close the socket, which is what a range connect looks at.
TEST_F(AsioOverIoUring, TriesNoFurtherAddressOnceItHasGivenUp) {
  const auto silent = find_target("backlog-full").open({.family = Family::ipv4});
  const UniqueFd listener(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  checked(::listen(listener.get(), 8), "listen");  // at a port of the kernel's choice
  const std::vector<Endpoint> host{silent->endpoints().front(), Endpoint::of_socket(listener.get())};
  for (const std::string_view options : {"", "+source-address:127.0.0.1"}) {
    Connecting connecting(entry_, 1, {.close = CloseMode::fin}, options);
    const Attempt attempt{.id = 1, .endpoints = host, .scheduled = now(), .timeout = 20ms};
    connecting.complete({&attempt, 1});
    EXPECT_EQ(count_of(Outcome::deadline_exceeded, connecting.completions()), 1U) << options;
    EXPECT_FALSE(plain::ready_within(listener, 0)) << options;
  }
}

}  // namespace
}  // namespace connbench::conformance
