// Form and size of the link's ICMP errors. That the kernel accepts them is tested in refusal_test.cpp.
#include "harness/lab/link/unreachable.h"

#include <gmock/gmock.h>

#include "harness/lab/link/frames.h"

namespace connbench::lab {
namespace {

using namespace frames;
using Answer = LinkRule::Answer;

Bytes answer_to(const Bytes& frame, Answer answer = Answer::host_unreachable) {
  const auto packet = parse_frame(frame);
  if (!packet) throw std::runtime_error("not a frame of the lab");
  std::array<uint8_t, longest_unreachable> out;
  out.fill(0xee);
  const size_t length = make_unreachable(frame, *packet, answer, out);
  return {out.begin(), out.begin() + static_cast<ptrdiff_t>(length)};
}

Bytes part(const Bytes& bytes, size_t from, size_t length) {
  const auto at = bytes.begin() + static_cast<ptrdiff_t>(from);
  return {at, at + static_cast<ptrdiff_t>(length)};
}

/// The ones' complement sum of 16-bit words, 0xffff when the checksum among them is correct: RFC 1071.
uint32_t ones_complement_sum(const Bytes& bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) sum += uint32_t{bytes[i]} << (i % 2 == 0 ? 8 : 0);
  while (sum >> 16 != 0) sum = (sum & 0xffffU) + (sum >> 16);
  return sum;
}

TEST(Unreachable, GoesBackWhereThePacketCameFrom) {
  const Bytes frame = ipv4(tcp());
  const Bytes answer = answer_to(frame);
  EXPECT_EQ(part(answer, 0, 6), part(frame, 6, 6));
  EXPECT_EQ(part(answer, 6, 6), part(frame, 0, 6));
  EXPECT_EQ(part(answer, 26, 4), be32(far4(7)));
  EXPECT_EQ(part(answer, 30, 4), be32(client4));
  const Bytes answer6 = answer_to(ipv6(tcp()));
  EXPECT_EQ(part(answer6, 22, 16), far6(7));
  EXPECT_EQ(part(answer6, 38, 16), client6());
}

TEST(Unreachable, QuotesAllOfAShortPacketButNotItsPadding) {
  const Bytes frame = ipv4(tcp());
  EXPECT_EQ(part(answer_to(frame + Bytes(6, 1)), 14 + 20 + 8, 40), part(frame, 14, 40));
  EXPECT_EQ(answer_to(frame + Bytes(6, 1)).size(), 14U + 20 + 8 + 40);
  EXPECT_EQ(answer_to(ipv6(tcp())).size(), 14U + 40 + 8 + 60);
}

TEST(Unreachable, IsNoLongerThanTheStandardsPermit) {
  EXPECT_EQ(answer_to(ipv4(udp(1400), {.protocol = 17})).size(), 14U + 576);
  EXPECT_EQ(answer_to(ipv6(udp(1400), {.next = 17})).size(), 14U + 1280);
}

TEST(Unreachable, HasCorrectChecksumsForEvenAndOddLengths) {
  for (const size_t data : {8U, 9U, 1400U}) {
    const Bytes answer = answer_to(ipv4(udp(data), {.protocol = 17}));
    EXPECT_EQ(ones_complement_sum(part(answer, 14, 20)), 0xffffU);
    EXPECT_EQ(ones_complement_sum(part(answer, 34, answer.size() - 34)), 0xffffU);
    const Bytes answer6 = answer_to(ipv6(udp(data), {.next = 17}));
    const Bytes message = part(answer6, 54, answer6.size() - 54);
    EXPECT_EQ(ones_complement_sum(part(answer6, 22, 32) + be32(message.size()) + be32(58) + message), 0xffffU);
  }
}

TEST(Unreachable, HasTheTypeAndCodeOfItsKind) {
  const Bytes v4 = ipv4(tcp()), v6 = ipv6(tcp());
  EXPECT_EQ(part(answer_to(v4, Answer::net_unreachable), 34, 2), (Bytes{3, 0}));
  EXPECT_EQ(part(answer_to(v4, Answer::host_unreachable), 34, 2), (Bytes{3, 1}));
  EXPECT_EQ(part(answer_to(v4, Answer::prohibited), 34, 2), (Bytes{3, 13}));
  EXPECT_EQ(part(answer_to(v6, Answer::net_unreachable), 54, 2), (Bytes{1, 0}));
  EXPECT_EQ(part(answer_to(v6, Answer::prohibited), 54, 2), (Bytes{1, 1}));
  EXPECT_EQ(part(answer_to(v6, Answer::host_unreachable), 54, 2), (Bytes{1, 3}));
}

TEST(Unreachable, IsNotSentForPacketsThatMustNotBeAnswered) {
  const Bytes unspecified(16, 0), multicast = Bytes{0xff, 2} + Bytes(14, 1);
  const std::vector<Named> silent{
      {"a reset", ipv4(tcp({.flags = TcpHeader::rst}))},
      {"a reset with an ack", ipv6(tcp({.flags = TcpHeader::rst | TcpHeader::ack}))},
      {"a destination-unreachable error", ipv4(Bytes{3, 1, 0, 0, 0, 0, 0, 0}, {.protocol = 1})},
      {"a redirect", ipv4(Bytes{5, 1, 0, 0, 0, 0, 0, 0}, {.protocol = 1})},
      {"a time exceeded", ipv4(Bytes{11, 0, 0, 0, 0, 0, 0, 0}, {.protocol = 1})},
      {"ICMP without its type", ipv4({}, {.protocol = 1})},
      {"an ICMPv6 error", ipv6(Bytes{1, 0, 0, 0, 0, 0, 0, 0}, {.next = 58})},
      {"an ICMPv6 redirect", ipv6(Bytes{137, 0, 0, 0, 0, 0, 0, 0}, {.next = 58})},
      {"ICMPv6 without its type", ipv6({}, {.next = 58})},
      {"a later fragment", ipv4(Bytes(64, 'x'), {.fragment = 0x0010})},
      {"a later fragment", ipv6(fragment(6, 4, Fragment::last) + Bytes(64, 'x'), {.next = 44})},
      {"a fragment that may hide a reset", ipv4(Bytes(8, 1), {.fragment = 0x2000})},
      {"a packet from the unspecified address", ipv4(tcp(), {.from = 0})},
      {"a packet from loopback", ipv4(tcp(), {.from = 0x7f000001})},
      {"a packet from a multicast address", ipv4(tcp(), {.from = 0xe0000001})},
      {"a packet from the unspecified address", ipv6(tcp(), {.from = unspecified})},
      {"a packet from a multicast address", ipv6(tcp(), {.from = multicast})},
  };
  for (const Named& frame : silent) EXPECT_EQ(answer_to(frame.bytes), Bytes{}) << frame.name;
}

TEST(Unreachable, IsSentForEchoRequests) {
  EXPECT_NE(answer_to(ipv4(Bytes{8, 0, 0, 0, 0, 1, 0, 1}, {.protocol = 1})), Bytes{});
  EXPECT_NE(answer_to(ipv6(Bytes{128, 0, 0, 0, 0, 1, 0, 1}, {.next = 58})), Bytes{});
}

}  // namespace
}  // namespace connbench::lab
