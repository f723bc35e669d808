#include "harness/lab/network.h"

#include <gmock/gmock.h>
#include <linux/if_ether.h>
#include <netpacket/packet.h>

#include <filesystem>
#include <set>

#include "harness/lab/lab.h"
#include "harness/machine/machine.h"
#include "tests/impl/census.h"
#include "tests/support/plain_sockets.h"

namespace connbench::lab {
namespace {

using testing::HasSubstr;

class LabNetwork : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto why_not = why_no_lab()) GTEST_SKIP() << *why_not;
  }
};

std::set<std::string> interfaces() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/class/net")) names.insert(entry.path().filename());
  return names;
}

// Counts frames with given addresses on the interfaces of the namespace in which it was created, including the real
// ones.
class Sniffer {
 public:
  Sniffer() : socket_(::socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, htons(ETH_P_ALL))) {}
  bool works() const { return static_cast<bool>(socket_); }

  /// How many frames had a source or destination in this network, or an IPv6 address of the lab, since the last call.
  int seen(uint32_t ipv4_network, unsigned length) {
    int count = 0;
    std::array<uint8_t, 2048> packet{};
    sockaddr_ll from{};
    socklen_t size = sizeof from;
    ssize_t got = 0;
    while ((got = ::recvfrom(socket_.get(), packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&from),
                             &size)) >= 0) {
      if (ntohs(from.sll_protocol) == ETH_P_IPV6 && got >= 40 && (is_of_lab(&packet[8]) || is_of_lab(&packet[24])))
        ++count;
      if (ntohs(from.sll_protocol) != ETH_P_IP || got < 20) continue;
      const uint32_t mask = ~uint32_t{0} << (32 - length);
      if ((word(&packet[12]) & mask) == ipv4_network || (word(&packet[16]) & mask) == ipv4_network) ++count;
    }
    return count;
  }

 private:
  static uint32_t word(const uint8_t* at) {
    return uint32_t{at[0]} << 24 | uint32_t{at[1]} << 16 | uint32_t{at[2]} << 8 | at[3];
  }
  static bool is_of_lab(const uint8_t* address) { return word(address) == 0x20010002 && word(address + 4) >> 16 == 0; }

  UniqueFd socket_;
};

constexpr uint32_t lab_ipv4 = 198U << 24 | 18U << 16;
constexpr unsigned lab_ipv4_length = 15;

// Sends a packet along each route out of the client's namespace.
void send_along_every_route() {
  std::vector<UniqueFd> sockets;
  for (const Block block : {Block::own_network, Block::no_arp, Block::prohibited, Block::no_route, Block::blackhole,
                            Block::first_far, Block::last_far}) {
    sockets.push_back(plain::connect_to(Endpoint::ipv4(ipv4_address(block, 3), 9), SOCK_NONBLOCK).socket);
    sockets.push_back(plain::connect_to(Endpoint::ipv6(ipv6_address(block, 3), 9), SOCK_NONBLOCK).socket);
  }
}

TEST_F(LabNetwork, SendsNothingThroughTheMachinesInterfaces) {
  Sniffer sniffer;
  if (!sniffer.works()) GTEST_SKIP() << "a packet socket outside the lab needs CAP_NET_RAW";
  run_in_lab({}, [](Lab&) {
    send_along_every_route();
    return 0;
  });
  EXPECT_EQ(sniffer.seen(lab_ipv4, lab_ipv4_length), 0);

  const auto refused = plain::connect_to(Endpoint::ipv4(INADDR_LOOPBACK, 1), SOCK_NONBLOCK);
  EXPECT_GT(sniffer.seen(INADDR_LOOPBACK & ~0xffU, 8), 0) << "the sniffer sees nothing at all";
}

TEST_F(LabNetwork, LeavesNothingBehindWhicheverStepFails) {
  Sniffer sniffer;
  const auto interfaces_before = interfaces();
  const Census before = first_census();
  for (size_t step = 0; step < network_steps(); ++step) {
    try {
      run_in_lab({.fail_at = step}, [](Lab&) { return 0; });
      EXPECT_FALSE(plain::machine_has(Family::ipv6)) << "step " << step << " was skipped";
    } catch (const Unavailable& error) {
      EXPECT_THAT(error.what(), HasSubstr("failed on request")) << step;
    }
    EXPECT_EQ(census_becoming(before), before) << step;
  }
  EXPECT_EQ(interfaces(), interfaces_before);
  EXPECT_EQ(sniffer.works() ? sniffer.seen(lab_ipv4, lab_ipv4_length) : 0, 0);
}

TEST_F(LabNetwork, LeavesNothingBehindWhenCreatedAHundredTimes) {
  const auto interfaces_before = interfaces();
  const Census before = first_census();
  for (int i = 0; i < 100; ++i) ASSERT_EQ(run_in_lab({}, [](Lab&) { return 0; }), 0) << i;
  EXPECT_EQ(census_becoming(before), before);
  EXPECT_EQ(interfaces(), interfaces_before);
}

TEST_F(LabNetwork, HasItsOwnSysctls) {
  const std::string outside = sysctl("net.ipv4.tcp_syn_retries").value_or("");
  ASSERT_NE(outside, "3");
  EXPECT_EQ(run_in_lab({.sysctls = {{"net.ipv4.tcp_syn_retries", "3"}}},
                       [](Lab& lab) {
                         if (sysctl("net.ipv4.tcp_syn_retries") != "3") return 1;
                         const Visit server = lab.visit_server();
                         return sysctl("net.ipv4.tcp_syn_retries") == "3" ? 0 : 2;
                       }),
            0);
  EXPECT_EQ(sysctl("net.ipv4.tcp_syn_retries"), outside);
}

TEST_F(LabNetwork, HasLongQueuesForServersOnEitherSideAndOnLoopback) {
  const auto longest = [] { return sysctl("net.core.somaxconn").value_or(""); };
  EXPECT_EQ(run_in_lab({},
                       [&](Lab& lab) {
                         if (longest() != "65535") return 1;
                         const Visit server = lab.visit_server();
                         return longest() == "65535" ? 0 : 2;
                       }),
            0);
}

TEST_F(LabNetwork, RejectsASysctlThatDoesNotExistOrHasAnInvalidValue) {
  const auto with = [](const char* name, const char* value) {
    run_in_lab({.sysctls = {{name, value}}}, [](Lab&) { return 0; });
  };
  EXPECT_THROW(with("net.ipv4.tcp_sin_retries", "3"), std::invalid_argument);
  EXPECT_THROW(with("net.ipv4.tcp_syn_retries", "0"), std::invalid_argument);
}

TEST_F(LabNetwork, AppliesDefaultSysctlsToItsInterfaces) {
  EXPECT_EQ(run_in_lab({.sysctls = {{"net.ipv4.conf.default.tag", "123"}}},
                       [](Lab&) { return sysctl("net.ipv4.conf.a0.tag") == "123" ? 0 : 1; }),
            0);
}

}  // namespace
}  // namespace connbench::lab
