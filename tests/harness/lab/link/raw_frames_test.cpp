// Malformed packets, sent as raw frames.
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>

#include "harness/lab/link/frames.h"
#include "harness/lab/link/random.h"
#include "tests/harness/lab/link/in_two_ends.h"
#include "tests/support/plain_sockets.h"

namespace connbench::lab {
namespace {

using frames::Bytes;

constexpr uint16_t port = 4000;

/// Sends frames from the client's interface, bypassing its network stack.
class RawSender {
 public:
  RawSender() : socket_(checked(::socket(AF_PACKET, SOCK_RAW, 0), "socket(AF_PACKET)")) {
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_ifindex = static_cast<int>(::if_nametoindex("a0"));
    checked(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind(AF_PACKET)");
  }
  /// Returns false when the kernel refuses to send the frame (shorter than an Ethernet header, longer than the MTU).
  bool send(const Bytes& frame) const { return ::send(socket_.get(), frame.data(), frame.size(), 0) > 0; }

 private:
  UniqueFd socket_;
};

uint64_t handled(const LinkReport& report) {
  return report.frames + report.answered + report.lost_by_rule + report.foreign + report.dropped_by_kernel +
         report.dropped_on_sending + report.dropped_in_queue;
}

void set_rules(LinkState& state) {
  state.rules[7].answer = LinkRule::Answer::host_unreachable;
  state.rules[7].lose_syns = 1;
}

UniqueFd listener_of(TwoEnds& ends) {
  return ends.on_server([] {
    UniqueFd socket(checked(::socket(AF_INET, SOCK_STREAM, 0), "socket"));
    const Endpoint any = Endpoint::ipv4(INADDR_ANY, port);
    checked(::bind(socket.get(), any.address(), any.size()), "bind");
    checked(::listen(socket.get(), 10), "listen");
    return socket;
  });
}

TEST(Link, CountsFramesItDoesNotForwardAsForeign) {
  in_two_ends(set_rules, [](TwoEnds& ends) {
    const uint64_t before = ends.report().foreign;
    const RawSender client;
    ASSERT_TRUE(client.send(frames::ethernet(ETH_P_ARP, Bytes(28, 0))));
    ASSERT_TRUE(client.send(frames::ipv4(frames::tcp(), {.to = ipv4_address(Block::own_network, 1)})));
    // From a far address, but arriving at the near end.
    ASSERT_TRUE(client.send(frames::ipv4(frames::tcp(), {.from = frames::far4(1), .to = frames::client4})));
    EXPECT_GE(ends.report().foreign - before, 3U);  // plus what the kernels send to their neighbours on their own
    EXPECT_EQ(ends.report().frames, 0U);
  });
}

TEST(Link, SurvivesTruncatedAndCorruptedFramesOfEveryKind) {
  in_two_ends(set_rules, [](TwoEnds& ends) {
    const UniqueFd listener = listener_of(ends);
    const RawSender client;
    Random random(42);
    uint64_t sent = 0;
    for (int round = 0; round < 20; ++round) {
      for (const frames::Named& kind : frames::every_kind()) {
        Bytes frame = kind.bytes;
        for (uint64_t left = random.below(4); left > 0; --left)
          frame[random.below(frame.size())] ^= static_cast<uint8_t>(1U << random.below(8));
        frame.resize(random.below(4) == 0 ? random.below(frame.size()) : frame.size());
        sent += client.send(frame) ? 1 : 0;
      }
    }
    EXPECT_GE(handled(ends.report()), sent) << "every frame must be counted somewhere";
    EXPECT_EQ(plain::connect_to(TwoEnds::far(Family::ipv4, 2, port)).error, 0);
  });
}

}  // namespace
}  // namespace connbench::lab
