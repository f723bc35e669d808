// Every connector on every target: each attempt ends once, and its outcome is correct.
#include "tests/impl/conformance/conformance.h"

namespace connbench::conformance {
namespace {

class OnEveryTarget : public AtPlace {};
INSTANTIATE_TEST_SUITE_P(Connector, OnEveryTarget, testing::ValuesIn(places([](const Place&) { return true; })),
                         name_of_place);

// For targets that allow only one errno.
std::optional<int> errno_of(std::string_view target) {
  if (target == "host-unreachable" || target == "no-arp") return EHOSTUNREACH;
  if (target == "net-unreachable") return ENETUNREACH;
  if (target == "prohibited") return EACCES;
  return std::nullopt;
}

bool errno_belongs(const ConnectResult& result, const Place& place) {
  const Family family = place.family;
  const bool unix_domain = family == Family::unix_domain;
  switch (result.outcome) {
    case Outcome::connected:
    case Outcome::never_started:
      return result.os_error == 0;
    case Outcome::refused:
      return result.os_error == ECONNREFUSED || (unix_domain && result.os_error == EAGAIN);
    case Outcome::reset:
      return result.os_error == ECONNRESET;
    case Outcome::unreachable:
    case Outcome::not_permitted:
      return result.os_error == errno_of(place.target->name);
    case Outcome::deadline_exceeded:
      return result.os_error == 0 || result.os_error == EINPROGRESS || result.os_error == ECANCELED ||
             result.os_error == (unix_domain ? EAGAIN : ETIMEDOUT) || (unix_domain && result.os_error == EINTR);
    case Outcome::cancelled:
      return result.os_error == 0 || result.os_error == EINTR || result.os_error == ECANCELED;
    default:
      return false;
  }
}

// A blocking connect() returns the result itself; a non-blocking one is followed by a wait. On a UNIX socket, a
// non-blocking connect() never needs a wait.
std::optional<Stage> stage_of_end(const Capabilities& capabilities, const Place& place, Outcome outcome) {
  if (place.target->name == "net-unreachable" || place.target->name == "prohibited") return Stage::connect;
  // A ring performs the whole connect() and returns its result.
  if (place.connector->name == "io-uring" && outcome != Outcome::deadline_exceeded) return Stage::connect;
  switch (capabilities.deadline_by) {
    case Capabilities::DeadlineBy::kernel:
    case Capabilities::DeadlineBy::socket_option:
      return Stage::connect;
    case Capabilities::DeadlineBy::wait:
    case Capabilities::DeadlineBy::timer:
      return place.family == Family::unix_domain ? Stage::connect : Stage::wait;
    case Capabilities::DeadlineBy::signal:  // the handshake may have completed just before it
      if (outcome == Outcome::connected) return std::nullopt;
      return place.family != Family::unix_domain && outcome == Outcome::deadline_exceeded ? Stage::wait
                                                                                          : Stage::connect;
    case Capabilities::DeadlineBy::linked_request:
      return std::nullopt;
  }
  return std::nullopt;
}

void expect_correct_stamps(const Completion& completion, TimePoint scheduled, TimePoint returned) {
  if (completion.result.outcome == Outcome::never_started) {
    EXPECT_EQ(completion.started, TimePoint{});
    return;
  }
  EXPECT_GE(completion.started, scheduled);
  EXPECT_LE(completion.started, completion.finished);
  EXPECT_LE(completion.finished, returned);
}

TEST_P(OnEveryTarget, EveryAttemptEndsOnceAsExpected) {
  const auto target = open_target();
  Connecting connecting(entry(), room);
  const auto attempts = attempts_on(target->endpoints(), 2 * room + 3, GetParam().target->answers ? far_away : 20ms);
  if (GetParam().target->answers || connecting.capabilities().has_deadline()) {
    connecting.complete(attempts);
    EXPECT_EQ(connecting.completions().size(), attempts.size());
  } else {
    connecting.submit(attempts);
    connecting.cancel_all();
    connecting.drain();
  }

  const TimePoint returned = now();
  for (const Completion& completion : connecting.completions()) {
    expect_correct_stamps(completion, attempts.front().scheduled, returned);
    if (!opens_sockets()) continue;
    const auto [outcome, stage, os_error] = completion.result;
    if (may_be_misled(completion.result, GetParam())) continue;
    EXPECT_TRUE(GetParam().target->expected_outcomes(GetParam().family).contains(outcome)) << to_string(outcome);
    EXPECT_TRUE(errno_belongs(completion.result, GetParam())) << to_string(outcome) << ", errno " << os_error;
    if (outcome == Outcome::cancelled || outcome == Outcome::never_started) continue;
    // If socket() and connect() are one function of a library, it reports an error of connect() later.
    if (stage == Stage::wait && entry().library != nullptr && entry().library().makes_the_calls) continue;
    const Stage expected = stage_of_end(connecting.capabilities(), GetParam(), outcome).value_or(stage);
    EXPECT_EQ(stage, expected) << to_string(outcome) << " at stage " << to_string(stage);
  }
}

}  // namespace
}  // namespace connbench::conformance
