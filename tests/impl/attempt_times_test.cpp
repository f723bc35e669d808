// The two stamps of an attempt enclose its system calls: `started` is taken before its socket is opened, `finished`
// after its outcome is known and before its socket is closed. ptrace sees when each call begins and ends: the thread
// stands still then, so that the order is certain.
#include <fmt/format.h>

#include <algorithm>

#include "harness/trace/child_signal.h"
#include "harness/trace/syscall_tracer.h"
#include "harness/trace/traced_child.h"
#include "tests/impl/conformance/conformance.h"
#include "tests/support/sanitizer.h"

namespace connbench::conformance {
namespace {

using trace::SystemCall;

struct Traced {
  std::vector<Sample> samples;
  std::vector<SystemCall> calls;
  std::string error;
};

// One attempt after the other.
Traced trace_attempts(const NamedConnector& connector, const Target& target, size_t attempts) {
  trace::ChildSignal child_signal;
  const trace::Client client = trace::connecting_client(connector, attempts, far_away, CloseMode::rst);
  trace::TracedChild child(client, target, false, child_signal.before());
  trace::SyscallTracer tracer(
      child.pid(), [&] { return child.is_recording(); }, [](const auto&) {});
  child.go();
  tracer.start();
  for (tracer.step(); !tracer.over(); tracer.step()) child_signal.wait(100us);
  child.ended();
  return {{child.samples().begin(), child.samples().end()}, std::move(tracer.calls()), child.error()};
}

bool is_of(const SystemCall& call, const char* name, const std::string& descriptor) {
  return call.name == name && (call.arguments == descriptor || call.arguments.starts_with(descriptor + ","));
}

class AttemptTimes : public AtPlace {
 protected:
  void expect_to_enclose_the_calls(std::string_view name, Family family) const {
    SCOPED_TRACE(fmt::format("{}, family {}", name, to_string(family)));
    const auto target = find_target(name).open({.family = family});
    const Traced traced = trace_attempts(find_connector(entry().name), *target, attempts);
    EXPECT_EQ(traced.error, "");
    for (const Sample& sample : traced.samples) {
      EXPECT_EQ(sample.state, Sample::State::done);
      EXPECT_LT(sample.started_ns, sample.finished_ns) << "a call lies between the two";
    }
    // A trace does not name UNIX addresses. No connector connects to another one than the target's.
    const std::string to = family == Family::unix_domain ? "" : ", " + target->endpoints().front().to_string();
    size_t connects = 0;
    for (size_t i = 0; i < traced.calls.size(); ++i)
      if (traced.calls[i].name == "connect" && traced.calls[i].arguments.ends_with(to)) {
        ++connects;
        expect_to_enclose(traced, i);
      }
    const bool by_ring = std::ranges::count(traced.calls, "io_uring_enter", &SystemCall::name) > 0;
    EXPECT_GE(connects, by_ring ? 0 : attempts);
  }

  static constexpr size_t attempts = 3;

 private:
  // The attempt whose connect() is call `i`.
  void expect_to_enclose(const Traced& traced, size_t i) const {
    const SystemCall& connect = traced.calls[i];
    const auto attempt = std::ranges::find_if(traced.samples, [&](const Sample& sample) {
      return sample.started_ns <= connect.begin_ns && connect.end_ns <= sample.finished_ns;
    });
    ASSERT_NE(attempt, traced.samples.end()) << "connect() is outside of every attempt";
    const std::string descriptor = connect.arguments.substr(0, connect.arguments.find(','));
    const SystemCall* opened = nullptr;
    for (const SystemCall& call : std::span(traced.calls).first(i))
      if (call.name == "socket" && std::to_string(call.value) == descriptor) opened = &call;
    ASSERT_NE(opened, nullptr);
    EXPECT_GE(opened->begin_ns, attempt->started_ns) << "the socket was opened before the attempt";
    for (const SystemCall& call : std::span(traced.calls).subspan(i)) {
      if (call.arguments.starts_with(descriptor + ", SO_ERROR")) {
        EXPECT_LE(call.end_ns, attempt->finished_ns) << "the outcome was asked for later";
      }
      if (!is_of(call, "close", descriptor)) continue;
      if (!library_closes(*attempt)) {
        EXPECT_GE(call.begin_ns, attempt->finished_ns) << "closing belongs to the attempt's time";
      }
      return;
    }
  }

  // A library that opens the socket may close it before it reports a failure.
  bool library_closes(const Sample& attempt) const {
    return attempt.outcome != Outcome::connected && entry().library != nullptr && entry().library().makes_the_calls;
  }
};
INSTANTIATE_TEST_SUITE_P(Connector, AttemptTimes, testing::ValuesIn(with_sockets(accepted())), name_of_place);

TEST_P(AttemptTimes, EncloseItsSystemCalls) {
  SKIP_UNDER_THREAD_SANITIZER();
  try {
    expect_to_enclose_the_calls("accepting", Family::ipv4);
    expect_to_enclose_the_calls("refusing", Family::ipv4);
    if (entry().serves(Family::unix_domain)) expect_to_enclose_the_calls("accepting", Family::unix_domain);
  } catch (const std::system_error& error) {
    GTEST_SKIP() << "the connector cannot be traced here: " << error.what();
  }
}

}  // namespace
}  // namespace connbench::conformance
