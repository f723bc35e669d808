#include "harness/lab/link/packet.h"

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "harness/lab/link/frames.h"
#include "harness/lab/link/unreachable.h"

namespace connbench::lab {
namespace {

using namespace frames;

Packet parsed(const Bytes& frame) {
  const auto packet = parse_frame(frame);
  EXPECT_TRUE(packet.has_value());
  return packet.value_or(Packet{});
}

TEST(ParseFrame, ReadsASynOverIpv4) {
  const Packet packet = parsed(ipv4(tcp()));
  EXPECT_FALSE(packet.ipv6);
  EXPECT_TRUE(packet.to_far);
  EXPECT_EQ(packet.block, 7);
  EXPECT_EQ(packet.length, 40);
  EXPECT_EQ(packet.protocol, 6);
  ASSERT_TRUE(packet.tcp);
  EXPECT_TRUE(packet.tcp->is_syn());
  EXPECT_FALSE(packet.tcp->is_synack());
  EXPECT_EQ(packet.tcp->source_port, 40000);
  EXPECT_EQ(packet.tcp->destination_port, 4000);
  EXPECT_EQ(packet.tcp->sequence, 0x01020304U);
}

TEST(ParseFrame, ReadsASynAckFromAFarBlockOverIpv6) {
  const Packet packet = parsed(ipv6(tcp({.acknowledgement = 0xfffffffe, .flags = TcpHeader::syn | TcpHeader::ack}),
                                    {.from = far6(255), .to = client6()}));
  EXPECT_TRUE(packet.ipv6);
  EXPECT_FALSE(packet.to_far);
  EXPECT_EQ(packet.block, 255);
  ASSERT_TRUE(packet.tcp);
  EXPECT_TRUE(packet.tcp->is_synack());
  EXPECT_EQ(packet.tcp->acknowledgement, 0xfffffffeU);
  EXPECT_THAT(packet.source, testing::ElementsAreArray(far6(255)));
}

TEST(ParseFrame, FindsTcpBehindOptionsAndExtensionHeaders) {
  EXPECT_TRUE(parsed(ipv4(tcp(), {.options = Bytes(40, 1)})).tcp);
  const Bytes headers =
      extension(43, 3) + extension(44) + fragment(51, 0, Fragment::last) + authentication(60) + extension(6);
  const Packet packet = parsed(ipv6(headers + tcp(), {.next = 0}));
  ASSERT_TRUE(packet.tcp);
  EXPECT_EQ(packet.tcp->sequence, 0x01020304U);
  EXPECT_EQ(packet.payload_at, 40 + headers.size());
}

TEST(ParseFrame, IgnoresPaddingAfterThePacket) {
  EXPECT_EQ(parsed(ipv4(tcp()) + Bytes(6, 0xff)).length, 40);
  EXPECT_EQ(parsed(ipv6(tcp()) + Bytes(6, 0xff)).length, 60);
}

TEST(ParseFrame, ReadsNoHeaderFromALaterFragment) {
  for (const Bytes& frame :
       {ipv4(tcp(), {.fragment = 0x0001}), ipv6(fragment(6, 1, Fragment::more_follow) + tcp(), {.next = 44})}) {
    const Packet packet = parsed(frame);
    EXPECT_FALSE(packet.has_start);
    EXPECT_FALSE(packet.tcp);
  }
}

TEST(ParseFrame, AcceptsAFirstFragmentThatEndsInsideTheTcpHeader) {
  EXPECT_FALSE(parsed(ipv4(Bytes(8, 1), {.fragment = 0x2000})).tcp);
  EXPECT_FALSE(parsed(ipv6(fragment(6, 0, Fragment::more_follow) + Bytes(8, 1), {.next = 44})).tcp);
}

struct Rejected {
  const char* why;
  Bytes frame;
};

TEST(ParseFrame, RejectsForeignAndInconsistentFrames) {
  Bytes version = ipv4(tcp()), short_header = ipv4(tcp()), long_header = ipv4(tcp()), length = ipv4(tcp());
  version[14] = 0x55;
  short_header[14] = 0x44;
  long_header[14] = 0x4f;
  length[17] = 41;
  Bytes below_header = ipv4(tcp()), offset = ipv4(tcp()), long_offset = ipv4(tcp());
  below_header[17] = 19;
  offset[46] = 0x40;
  long_offset[46] = 0x60;
  Bytes version6 = ipv6(tcp()), length6 = ipv6(tcp()), long_extension = ipv6(extension(6) + tcp(), {.next = 0});
  version6[14] = 0x40;
  length6[19] = 21;
  long_extension[55] = 3;
  const Rejected all[] = {
      {"arp", ethernet(0x0806, Bytes(28, 0))},
      {"a VLAN tag", ethernet(0x8100, Bytes(60, 0))},
      {"between near addresses", ipv4(tcp(), {.to = ipv4_address(Block::own_network, 1)})},
      {"between near addresses", ipv6(tcp(), {.to = client6()})},
      {"to a block that is not far", ipv6(tcp(), {.to = bytes_of(ipv6_address(Block::no_arp, 0))})},
      {"another version", version},
      {"a header below 20 bytes", short_header},
      {"options that do not fit", long_header},
      {"longer than the frame", length},
      {"shorter than its header", below_header},
      {"a TCP header below 20 bytes", offset},
      {"a TCP header longer than the packet", long_offset},
      {"half a TCP header without fragmentation", ipv4(Bytes(10, 0))},
      {"another version", version6},
      {"longer than the frame", length6},
      {"an extension header longer than the packet", long_extension},
      {"an extension header cut off", ipv6(Bytes{6, 0, 0, 0}, {.next = 0})},
  };
  for (const Rejected& rejected : all) EXPECT_FALSE(parse_frame(rejected.frame)) << rejected.why;
}

/// A frame that ends right before unreadable memory.
class AtTheEdge {
 public:
  explicit AtTheEdge(const Bytes& bytes) {
    page_ = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    memory_ =
        static_cast<uint8_t*>(::mmap(nullptr, 2 * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ::mprotect(memory_ + page_, page_, PROT_NONE);
    frame_ = {memory_ + page_ - bytes.size(), bytes.size()};
    std::copy(bytes.begin(), bytes.end(), frame_.begin());
  }
  ~AtTheEdge() { ::munmap(memory_, 2 * page_); }
  AtTheEdge(const AtTheEdge&) = delete;
  AtTheEdge& operator=(const AtTheEdge&) = delete;
  std::span<const uint8_t> frame() const { return frame_; }

 private:
  size_t page_;
  uint8_t* memory_;
  std::span<uint8_t> frame_;
};

TEST(ParseFrame, NeverReadsBeyondATruncatedFrame) {
  for (const Named& kind : every_kind()) {
    for (size_t length = 0; length <= kind.bytes.size(); ++length) {
      const AtTheEdge cut(Bytes(kind.bytes.begin(), kind.bytes.begin() + static_cast<ptrdiff_t>(length)));
      const auto packet = parse_frame(cut.frame());
      if (!packet) continue;
      EXPECT_LE(ethernet_header + packet->length, length) << kind.name;
      std::array<uint8_t, longest_unreachable> answer;
      EXPECT_LE(make_unreachable(cut.frame(), *packet, LinkRule::Answer::prohibited, answer), longest_unreachable);
    }
  }
}

/// `frame` truncated to `length`, with the length in its IP header adjusted.
Bytes shortened(const Bytes& frame, size_t length) {
  Bytes cut(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(length));
  const bool v6 = frame[12] == 0x86;
  const size_t ip_length = length - ethernet_header - (v6 ? 40 : 0);
  std::ranges::copy(be16(ip_length), cut.begin() + (v6 ? 18 : 16));
  return cut;
}

TEST(ParseFrame, NeverReadsBeyondAPacketThatEndsInsideItsHeaders) {
  for (const Named& kind : every_kind()) {
    for (size_t length = ethernet_header + 40; length <= kind.bytes.size(); ++length) {
      const AtTheEdge cut(shortened(kind.bytes, length));
      const auto packet = parse_frame(cut.frame());
      if (!packet) continue;
      std::array<uint8_t, longest_unreachable> answer;
      EXPECT_LE(make_unreachable(cut.frame(), *packet, LinkRule::Answer::prohibited, answer), longest_unreachable);
    }
  }
}

TEST(ParseFrame, AcceptsEveryKindOfFrameToOrFromAFarBlock) {
  for (const Named& kind : every_kind()) {
    const bool foreign = kind.name == "arp" || kind.name == "neighbour solicitation";
    EXPECT_EQ(parse_frame(kind.bytes).has_value(), !foreign) << kind.name;
  }
}

}  // namespace
}  // namespace connbench::lab
