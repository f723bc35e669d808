// The options of sockets: protocol, Fast Open and the reasons for which they are not available.
#include "impl/sockets/socket_setup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstring>

#include "harness/process/ask_in_child.h"
#include "tests/impl/conformance/conformance.h"

namespace connbench::conformance {
namespace {

using testing::HasSubstr;

std::optional<std::string> refusal(const char* connector, const std::string& options,
                                   std::optional<Family> family = std::nullopt) {
  const ConnectorEntry& entry = *find_connector(connector).entry;
  Retirement retirement({}, 0);
  // One that is not built in has no options.
  if (auto absent = entry.probe({Options("", entry.options), 8, retirement, family})) return absent;
  return entry.probe({Options(options, entry.options), 8, retirement, family});
}

class SocketOptions : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (const auto reason = refusal(GetParam(), "")) GTEST_SKIP() << *reason;
  }
  std::vector<Completion> connect(const Target& target, const std::string& options) const {
    const ConnectorEntry& entry = *find_connector(GetParam()).entry;
    Connecting connecting(entry, 8, {.protocol = true}, options);
    connecting.complete(attempts_on(target.endpoints(), 12, far_away));
    return connecting.completions();
  }
};
std::string name_of_connector(const testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  std::ranges::replace(name, '-', '_');
  return name;
}
// Every way in which a socket gets its options.
INSTANTIATE_TEST_SUITE_P(Of, SocketOptions,
                         testing::Values("epoll", "blocking-threads", "fork-per-attempt", "io-uring", "happy-eyeballs",
                                         "libev", "libuv", "libevent", "asio", "asio-coroutines", "asio-io-uring",
                                         "libcurl", "libcurl-threads", "sd-event", "state-threads", "boost-fiber"),
                         name_of_connector);

TEST_P(SocketOptions, TheProtocolIsReadFromTheSocket) {
  const bool only_by_polling = std::string_view(GetParam()) == "io-uring";
  const std::string options = only_by_polling ? "+protocol:mptcp+poll:oneshot" : "+protocol:mptcp";
  if (const auto reason = refusal(GetParam(), options, Family::ipv4)) GTEST_SKIP() << *reason;
  const auto both = find_target("accepting-mptcp").open({});
  const auto only_tcp = find_target("accepting").open({});
  for (const Completion& completion : connect(*both, options)) {
    EXPECT_EQ(completion.result.outcome, Outcome::connected);
    EXPECT_EQ(completion.handshake.protocol, Protocol::mptcp);
  }
  for (const Completion& completion : connect(*only_tcp, options)) {
    EXPECT_EQ(completion.result.outcome, Outcome::connected);
    EXPECT_EQ(completion.handshake.protocol, Protocol::tcp) << "fell back";
  }
}

// Sets up a network in which connections to loopback get cookies.
void enter_network_with_cookies() {
  const auto write = [](const char* path, std::string_view text) {
    const UniqueFd file(checked(::open(path, O_WRONLY | O_CLOEXEC), path));
    checked(static_cast<int>(::write(file.get(), text.data(), text.size())), path);
  };
  const std::string user = fmt::format("0 {} 1", ::getuid());
  checked(::unshare(CLONE_NEWUSER | CLONE_NEWNET), "unshare");
  write("/proc/self/uid_map", user);
  const UniqueFd socket(checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  ifreq interface {};
  std::strcpy(interface.ifr_name, "lo");
  interface.ifr_flags = IFF_UP | IFF_RUNNING;
  checked(::ioctl(socket.get(), SIOCSIFFLAGS, &interface), "SIOCSIFFLAGS");
  write("/proc/sys/net/ipv4/tcp_fastopen", "3");
}

// How many attempts at a listener end as connected before anything has reached it.
std::string connected_before_anything_arrived(const char* connector) {
  enter_network_with_cookies();
  const UniqueFd listener(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  const Endpoint any_port = Endpoint::ipv4(INADDR_LOOPBACK, 0);
  checked(::bind(listener.get(), any_port.address(), any_port.size()), "bind");
  const int most = 16;
  checked(::setsockopt(listener.get(), IPPROTO_TCP, TCP_FASTOPEN, &most, sizeof most), "TCP_FASTOPEN");
  checked(::listen(listener.get(), 16), "listen");
  const std::vector<Endpoint> listening{Endpoint::of_socket(listener.get())};
  const ConnectorEntry& entry = *find_connector(connector).entry;
  Connecting connecting(entry, 1, {}, "+fastopen");
  connecting.complete(attempts_on(listening, 1, far_away));  // gets the cookie
  const bool first = plain::ready_within(listener, plain::patience_ms);
  UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  connecting.complete(attempts_on(listening, 1, far_away));
  return fmt::format("{} connected, {}, then {}", count_of(Outcome::connected, connecting.completions()),
                     first ? "one arrived" : "none arrived",
                     plain::ready_within(listener, 1) ? "another one" : "nothing");
}

TEST_P(SocketOptions, WithACookieFastOpenConnectsBeforeAnythingIsSent) {
  if (const auto reason = refusal(GetParam(), "+fastopen")) GTEST_SKIP() << *reason;
  const ChildAnswer answer = ask_in_child([] { return connected_before_anything_arrived(GetParam()); });
  if (!answer.ok && answer.text.find("unshare") != std::string::npos) GTEST_SKIP() << answer.text;
  EXPECT_EQ(answer.text, "2 connected, one arrived, then nothing");
}

TEST_P(SocketOptions, SourceAddressesMustBeOfThisMachineAndOfTheFamily) {
  if (const auto absent = refusal(GetParam(), "")) GTEST_SKIP() << *absent;
  EXPECT_THAT(refusal(GetParam(), "+source-address:198.51.100.1", Family::ipv4).value_or(""),
              HasSubstr("198.51.100.1 cannot be bound"));
  EXPECT_THAT(refusal(GetParam(), "+source-address:127.0.0.2", Family::ipv6).value_or(""),
              HasSubstr("none of its source addresses has family 6"));
  EXPECT_THAT(refusal(GetParam(), "+source-address:::1", Family::ipv4).value_or(""),
              HasSubstr("none of its source addresses has family 4"));
  EXPECT_EQ(refusal(GetParam(), "+source-address:127.0.0.2", Family::ipv4), std::nullopt);
  EXPECT_EQ(refusal(GetParam(), "+source-address:127.0.0.2", Family::unix_domain), std::nullopt) << "no effect there";
}

TEST(BoundsOfConnect, ThatMptcpDoesNotHaveAreSkipped) {
  if (const auto reason = refusal("sndtimeo-threads", "+protocol:mptcp", Family::ipv4)) GTEST_SKIP() << *reason;
  const UniqueFd socket(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP), "socket"));
  const int retries = 1;
  const bool has = ::setsockopt(socket.get(), IPPROTO_TCP, TCP_SYNCNT, &retries, sizeof retries) == 0;
  EXPECT_EQ(refusal("syncnt-threads", "+protocol:mptcp", Family::ipv4).has_value(), !has);
}

// SO_SNDTIMEO does bound the connect() of such a socket.
TEST(BoundsOfConnect, BySendTimeoutHoldForMptcp) {
  if (const auto reason = refusal("sndtimeo-threads", "+protocol:mptcp", Family::ipv4)) GTEST_SKIP() << *reason;
  const auto silent = find_target("backlog-full").open({});
  const ConnectorEntry& entry = *find_connector("sndtimeo-threads").entry;
  Connecting connecting(entry, 4, {}, "+protocol:mptcp");
  connecting.complete(attempts_on(silent->endpoints(), 4, 50ms));
  EXPECT_EQ(count_of(Outcome::deadline_exceeded, connecting.completions()), 4U);
}

}  // namespace
}  // namespace connbench::conformance
