// What each way of asking a ready socket says of each kind of host; impl/README.md has the table.
#include <gmock/gmock.h>

#include "tests/impl/conformance/conformance.h"

namespace connbench::conformance {
namespace {

struct Said {
  std::string_view detect;
  std::string_view target;
  std::vector<Outcome> outcomes;  // one of them
};

// What tells the truth. An immediate reset is a race with the one who asks: also who asks rightly may come before it.
const Said truth[] = {
    {"", "accepting", {Outcome::connected}},
    {"", "refusing", {Outcome::refused}},
    {"", "speaking-first", {Outcome::connected}},
    {"", "closing-first", {Outcome::connected}},
    {"", "resetting", {Outcome::connected, Outcome::reset}},
};

// What else is said by those that do not: reading nothing calls a refusal, and a reset, a connection.
const Said folklore[] = {
    {"zero-read", "accepting", {Outcome::connected}},      {"zero-read", "refusing", {Outcome::connected}},
    {"zero-read", "speaking-first", {Outcome::connected}}, {"zero-read", "closing-first", {Outcome::connected}},
    {"zero-read", "resetting", {Outcome::connected}},
};

class Detecting : public AtPlace {
 protected:
  static constexpr size_t attempts = 40;

  void SetUp() override {
    AtPlace::SetUp();
    const auto is_detect = [](const OptionSpec& spec) { return spec.name == "detect"; };
    if (!IsSkipped() && std::ranges::none_of(entry().options, is_detect))
      GTEST_SKIP() << entry().name << " is no loop of our own";
  }

  void expect_said(std::string_view detect, const Said& said) const {
    SCOPED_TRACE(std::string(detect) + " on " + std::string(said.target));
    const auto target = find_target(said.target).open({.family = Family::ipv4, .open_at_once = room});
    Connecting connecting(entry(), room, {}, "+detect:" + std::string(detect));
    connecting.complete(attempts_on(target->endpoints(), attempts, far_away));
    ASSERT_EQ(connecting.completions().size(), attempts);
    for (const Completion& completion : connecting.completions())
      EXPECT_THAT(said.outcomes, testing::Contains(completion.result.outcome)) << to_string(completion.result.outcome);
  }
};
INSTANTIATE_TEST_SUITE_P(Connector, Detecting, testing::ValuesIn(accepted()), name_of_place);

// With recv the outcome is right too. What it does to the connection is not: see below.
TEST_P(Detecting, ByWhatIsRightSaysWhatIsSo) {
  for (const std::string_view detect : {"so_error", "getpeername", "reconnect", "recv"})
    for (const Said& said : truth) expect_said(detect, said);
}

TEST_P(Detecting, ByReadingNothingCallsEverythingAConnection) {
  for (const Said& said : folklore) expect_said(said.detect, said);
}

// What the owner of a connection can still read of "hello", which its peer has said before it was asked.
std::string words_left(const ConnectorEntry& entry, std::string_view detect) {
  const UniqueFd listener(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  const Endpoint any_port = Endpoint::ipv4(INADDR_LOOPBACK, 0);
  checked(::bind(listener.get(), any_port.address(), any_port.size()), "bind");
  checked(::listen(listener.get(), 1), "listen");
  const std::vector<Endpoint> to{Endpoint::of_socket(listener.get())};
  Connecting connecting(entry, 1, {.close = CloseMode::hold}, "+detect:" + std::string(detect));
  const int next = ::dup(listener.get());  // the lowest free number: the connector's socket will have it
  ::close(next);
  connecting.submit(attempts_on(to, 1, far_away));
  const UniqueFd peer(checked(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept4"));
  checked(static_cast<int>(::send(peer.get(), "hello", 5, MSG_NOSIGNAL)), "send");
  connecting.drain();
  char words[8]{};
  const ssize_t size = ::recv(next, words, sizeof words, MSG_DONTWAIT);
  return size > 0 ? std::string(words, static_cast<size_t>(size)) : std::string();
}

TEST_P(Detecting, ByReceivingEatsWhatThePeerHasSaid) {
  for (const std::string_view detect : {"so_error", "getpeername", "reconnect", "zero-read"})
    EXPECT_EQ(words_left(entry(), detect), "hello") << detect;
  EXPECT_EQ(words_left(entry(), "recv"), "ello");
}

}  // namespace
}  // namespace connbench::conformance
