// What each way of checking a ready socket reports for each kind of host; impl/README.md has the table.
#include <gmock/gmock.h>

#include "tests/impl/conformance/conformance.h"

namespace connbench::conformance {
namespace {

struct Expectation {
  std::string_view detect;
  std::string_view target;
  std::vector<Outcome> outcomes;  // the allowed ones
};

// Correct results. An immediate reset races with the check, so even a correct check may still find a connection.
const Expectation correct_results[] = {
    {"", "accepting", {Outcome::connected}},
    {"", "refusing", {Outcome::refused}},
    {"", "speaking-first", {Outcome::connected}},
    {"", "closing-first", {Outcome::connected}},
    {"", "resetting", {Outcome::connected, Outcome::reset}},
};

// Wrong results: reading zero bytes reports a refusal or a reset as a connection.
const Expectation wrong_results[] = {
    {"zero-read", "accepting", {Outcome::connected}},      {"zero-read", "refusing", {Outcome::connected}},
    {"zero-read", "speaking-first", {Outcome::connected}}, {"zero-read", "closing-first", {Outcome::connected}},
    {"zero-read", "resetting", {Outcome::connected}},
};

class Detecting : public AtPlace {
 protected:
  static constexpr size_t attempts = 40;

  void expect_outcomes(std::string_view detect, const Expectation& expected) const {
    SCOPED_TRACE(std::string(detect) + " on " + std::string(expected.target));
    const auto target = find_target(expected.target).open({.family = Family::ipv4, .open_at_once = room});
    Connecting connecting(entry(), room, {}, "+detect:" + std::string(detect));
    connecting.complete(attempts_on(target->endpoints(), attempts, far_away));
    ASSERT_EQ(connecting.completions().size(), attempts);
    for (const Completion& completion : connecting.completions())
      EXPECT_THAT(expected.outcomes, testing::Contains(completion.result.outcome))
          << to_string(completion.result.outcome);
  }
};

// The connectors that have the option.
std::vector<Place> with_detect_option() {
  std::vector<Place> found = accepted();
  std::erase_if(found, [](const Place& place) {
    return std::ranges::find(place.connector->options, "detect", &OptionSpec::name) == place.connector->options.end();
  });
  return found;
}
INSTANTIATE_TEST_SUITE_P(Connector, Detecting, testing::ValuesIn(with_detect_option()), name_of_place);

// With recv the outcome is correct, but it consumes a byte: see below.
TEST_P(Detecting, CorrectlyReportsTheTrueOutcome) {
  for (const std::string_view detect : {"so_error", "getpeername", "reconnect", "recv"})
    for (const Expectation& expected : correct_results) expect_outcomes(detect, expected);
}

TEST_P(Detecting, ByZeroReadReportsEverythingAsConnected) {
  for (const Expectation& expected : wrong_results) expect_outcomes(expected.detect, expected);
}

// What the owner of a connection can still read after the peer has sent "hello" before the check.
std::string bytes_left(const ConnectorEntry& entry, std::string_view detect) {
  const UniqueFd listener(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  const Endpoint any_port = Endpoint::ipv4(INADDR_LOOPBACK, 0);
  checked(::bind(listener.get(), any_port.address(), any_port.size()), "bind");
  checked(::listen(listener.get(), 1), "listen");
  const std::vector<Endpoint> to{Endpoint::of_socket(listener.get())};
  Connecting connecting(entry, 1, {.close = CloseMode::hold}, "+detect:" + std::string(detect));
  const int next = ::dup(listener.get());  // the lowest free number, which the connector's socket will get
  ::close(next);
  connecting.submit(attempts_on(to, 1, far_away));
  const UniqueFd peer(checked(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept4"));
  checked(static_cast<int>(::send(peer.get(), "hello", 5, MSG_NOSIGNAL)), "send");
  connecting.drain();
  char words[8]{};
  const ssize_t size = ::recv(next, words, sizeof words, MSG_DONTWAIT);
  return size > 0 ? std::string(words, static_cast<size_t>(size)) : std::string();
}

TEST_P(Detecting, ByRecvConsumesAByte) {
  for (const std::string_view detect : {"so_error", "getpeername", "reconnect", "zero-read"})
    EXPECT_EQ(bytes_left(entry(), detect), "hello") << detect;
  EXPECT_EQ(bytes_left(entry(), "recv"), "ello");
}

}  // namespace
}  // namespace connbench::conformance
