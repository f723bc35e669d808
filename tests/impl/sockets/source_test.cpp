// The source of a connection, as the peer sees it.
#include "impl/sockets/source.h"

#include <sched.h>

#include <fstream>
#include <set>

#include "harness/process/ask_in_child.h"
#include "harness/support/joined.h"
#include "tests/impl/conformance/conformance.h"

namespace connbench::conformance {
namespace {

constexpr size_t connections = 40;

class SourcePorts : public testing::TestWithParam<std::tuple<const char*, Family>> {
 protected:
  void SetUp() override {
    if (!plain::machine_has(family())) GTEST_SKIP() << "this machine has no ::1";
    listener_ = open_socket();
    const Endpoint any_port =
        family() == Family::ipv6 ? Endpoint::ipv6(in6addr_loopback, 0) : Endpoint::ipv4(INADDR_LOOPBACK, 0);
    checked(::bind(listener_.get(), any_port.address(), any_port.size()), "bind");
    checked(::listen(listener_.get(), 2 * connections), "listen");
    listening_.push_back(Endpoint::of_socket(listener_.get()));
  }

  Family family() const { return std::get<Family>(GetParam()); }
  const ConnectorEntry& entry() const { return *find_connector(std::get<const char*>(GetParam())).entry; }
  UniqueFd open_socket() const {
    return UniqueFd(checked(::socket(address_family(family()), SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  }

  // The source ports of connections that are all open at the same time.
  std::vector<uint16_t> ports_of_connections(const std::string& options) const {
    std::vector<uint16_t> ports;
    for (const Endpoint& source : sources_of_connections(options)) ports.push_back(source.port());
    return ports;
  }

  std::vector<Endpoint> sources_of_connections(const std::string& options) const {
    Connecting connecting(entry(), connections, {.close = CloseMode::hold}, options);
    connecting.complete(attempts_on(listening_, connections, patience));
    EXPECT_EQ(count_of(Outcome::connected, connecting.completions()), connections);
    std::vector<Endpoint> sources;
    while (sources.size() < connections && plain::ready_within(listener_, plain::patience_ms)) {
      const UniqueFd peer(checked(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept4"));
      sources.push_back(Endpoint::of_peer(peer.get()));
    }
    return sources;
  }

  UniqueFd listener_{-1};
  std::vector<Endpoint> listening_;
};
std::string name_of_parameter(const testing::TestParamInfo<SourcePorts::ParamType>& info) {
  std::string name(std::get<0>(info.param));
  std::ranges::replace(name, '-', '_');
  return name + "_" + std::string(to_string(std::get<1>(info.param)));
}
INSTANTIATE_TEST_SUITE_P(SourcePort, SourcePorts,
                         testing::Combine(testing::Values("epoll", "blocking", "poll-threads", "signal-pool",
                                                          "fork-per-attempt"),
                                          testing::Values(Family::ipv4, Family::ipv6)),
                         name_of_parameter);

TEST_P(SourcePorts, ChosenByBindAreDistinctAndEphemeral) {
  const std::vector<uint16_t> ports = ports_of_connections("+source-port:bind");
  ASSERT_EQ(ports.size(), connections);
  for (const uint16_t port : ports) EXPECT_TRUE(ephemeral_ports().contains(port)) << port;
  EXPECT_EQ(std::set<uint16_t>(ports.begin(), ports.end()).size(), connections);
}

// Ports are used one after another, except those in use elsewhere. The kernel's own choice has one parity, so it
// contains no neighbours.
TEST_P(SourcePorts, ChosenByBindAreConsecutive) {
  std::vector<uint16_t> ports = ports_of_connections("+source-port:bind");
  std::ranges::sort(ports);
  size_t neighbours = 0;
  for (size_t i = 1; i < ports.size(); ++i) neighbours += ports[i] - ports[i - 1] == 1 ? 1 : 0;
  EXPECT_GT(neighbours, 0U);
}

TEST_P(SourcePorts, ChosenByRangeLieInTheRange) {
  const std::string options = "+source-port:range";
  Retirement retirement({}, 0);
  if (const auto reason = entry().probe({Options(options, entry().options), 1, retirement})) GTEST_SKIP() << *reason;
  const std::vector<uint16_t> ports = ports_of_connections(options);
  ASSERT_EQ(ports.size(), connections);
  for (const uint16_t port : ports) EXPECT_TRUE(ephemeral_ports().contains(port)) << port;
  EXPECT_EQ(std::set<uint16_t>(ports.begin(), ports.end()).size(), connections);
  // Without a range of its own, a socket gets ports of one parity as long as there are any.
  const auto odd = std::ranges::count_if(ports, [](uint16_t port) { return port % 2 == 1; });
  EXPECT_GT(odd, 0);
  EXPECT_LT(odd, static_cast<std::ptrdiff_t>(connections));
}

// A socket without SO_REUSEADDR occupies the next port.
TEST_P(SourcePorts, InUseAreSkipped) {
  Source ports(Options("+source-port:bind", entry().options));
  const sa_family_t address = address_family(family());
  const UniqueFd first = open_socket();
  ASSERT_EQ(ports.prepare(first.get(), address).error, 0);
  const auto turn = static_cast<uint16_t>(Endpoint::of_socket(first.get()).port() + 1);
  const UniqueFd rival = open_socket();
  const Endpoint its = family() == Family::ipv6 ? Endpoint::ipv6(in6addr_any, turn) : Endpoint::ipv4(INADDR_ANY, turn);
  if (::bind(rival.get(), its.address(), its.size()) != 0) GTEST_SKIP() << "another process uses port " << turn;
  const UniqueFd second = open_socket();
  ASSERT_EQ(ports.prepare(second.get(), address).error, 0);
  EXPECT_NE(Endpoint::of_socket(second.get()).port(), turn);
}

TEST(SourcePort, IsNeverOneThatIsReserved) {
  const ChildAnswer answer = ask_in_child([] {
    checked(::unshare(::geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET), "unshare");
    std::ofstream("/proc/sys/net/ipv4/ip_local_port_range") << "20000 20003\n";
    std::ofstream("/proc/sys/net/ipv4/ip_local_reserved_ports") << "20001\n";
    Source source(Options("+source-port:bind", find_connector("epoll").entry->options));
    std::set<uint16_t> ports;
    for (int i = 0; i < 4; ++i) {
      const UniqueFd fd(checked(::socket(AF_INET, SOCK_STREAM, 0), "socket"));
      if (source.prepare(fd.get(), AF_INET).error == 0) ports.insert(Endpoint::of_socket(fd.get()).port());
    }
    return joined(ports, " ", [](uint16_t port) { return std::to_string(port); });
  });
  if (!answer.ok) GTEST_SKIP() << answer.text;
  EXPECT_EQ(answer.text, "20000 20002 20003");
}

// bind() does not check destinations. Only connect() notices that a port already has a connection to this destination.
TEST_P(SourcePorts, InUseForThisDestinationAreTriedOnceEach) {
  const Source ports(Options("+source-port:bind", entry().options));
  const Evidence taken{.call = Call::connect, .error = EADDRNOTAVAIL, .family = address_family(family())};
  const Evidence refused{.call = Call::connect, .error = ECONNREFUSED, .family = address_family(family())};
  EXPECT_TRUE(ports.should_try_another(taken, 1));
  EXPECT_FALSE(ports.should_try_another(taken, ephemeral_ports().size()));
  EXPECT_FALSE(ports.should_try_another(refused, 1));
}

// ::1 is the only address that IPv6 has on loopback.
std::string a_few(Family family) {
  return family == Family::ipv6 ? "+source-address:::1" : "+source-address:127.0.0.2..127.0.0.3~127.7.0.1";
}

std::set<std::string> hosts_of(const std::vector<Endpoint>& sources) {
  std::set<std::string> hosts;
  for (const Endpoint& source : sources) hosts.insert(source.to_string().substr(0, source.to_string().rfind(':')));
  return hosts;
}

TEST_P(SourcePorts, AreThoseOfTheSourceAddressesInTurn) {
  const std::set<std::string> expected = family() == Family::ipv6
                                             ? std::set<std::string>{"[::1]"}
                                             : std::set<std::string>{"127.0.0.2", "127.0.0.3", "127.7.0.1"};
  for (const char* port : {"", "+source-port:bind", "+source-port:range"}) {
    const std::string options = a_few(family()) + port;
    Retirement retirement({}, 0);
    if (const auto reason = entry().probe({Options(options, entry().options), 1, retirement})) continue;
    const std::vector<Endpoint> sources = sources_of_connections(options);
    ASSERT_EQ(sources.size(), connections) << options;
    EXPECT_EQ(hosts_of(sources), expected) << options;
  }
}

TEST_P(SourcePorts, WithSeveralAddressesThereAreAsManyTimesMore) {
  const Source ports(Options("+source-port:bind" + a_few(family()), entry().options));
  const size_t all = ephemeral_ports().size() * (family() == Family::ipv6 ? 1 : 3);
  const Evidence taken{.call = Call::connect, .error = EADDRNOTAVAIL, .family = address_family(family())};
  EXPECT_TRUE(ports.should_try_another(taken, all - 1));
  EXPECT_FALSE(ports.should_try_another(taken, all));
}

}  // namespace
}  // namespace connbench::conformance
