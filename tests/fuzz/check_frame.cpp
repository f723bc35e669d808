#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "harness/lab/link/judge.h"
#include "harness/lab/link/unreachable.h"
#include "tests/fuzz/packet_fuzz.h"

namespace connbench::lab {
namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

void check_packet(const Packet& packet, size_t frame_size) {
  require(ethernet_header + packet.length <= frame_size, "a packet lies inside its frame");
  require(packet.payload_at <= packet.length, "a payload lies inside its packet");
  require(packet.payload_at >= (packet.ipv6 ? 40 : 20), "a payload follows the IP header");
  require(!packet.tcp || (packet.has_start && packet.protocol == 6), "only TCP packets have a TCP header");
}

/// An answer must be a valid packet, go back to the sender, and must not itself be answered.
void check_answer(std::span<const uint8_t> frame, const Packet& packet, LinkRule::Answer kind) {
  std::array<uint8_t, longest_unreachable> out;
  const size_t length = make_unreachable(frame, packet, kind, out);
  if (length == 0) return;
  require(length <= longest_unreachable && length > ethernet_header, "an answer has a valid length");
  const std::span<const uint8_t> answer = std::span(out).first(length);
  const auto parsed = parse_frame(answer);
  require(parsed.has_value(), "an answer is a packet of the lab");
  check_packet(*parsed, length);
  require(ethernet_header + parsed->length == length, "an answer ends with its packet");
  require(parsed->source == packet.destination && parsed->destination == packet.source, "an answer goes to the sender");
  require(std::equal(&out[0], &out[6], &frame[6]) && std::equal(&out[6], &out[12], &frame[0]),
          "an answer goes to the sender's interface");
  std::array<uint8_t, longest_unreachable> none;
  require(make_unreachable(answer, *parsed, kind, none) == 0, "an answer is not answered");
}

/// Rules that together exercise every decision.
std::array<LinkRule, 256> all_rules() {
  std::array<LinkRule, 256> rules{};
  for (size_t i = 0; i < rules.size(); ++i) {
    rules[i].answer = static_cast<LinkRule::Answer>(i % 4);
    rules[i].lose_syns = static_cast<uint8_t>(i / 4 % 3);
    rules[i].lose_synacks = static_cast<uint8_t>(i / 12 % 3);
    rules[i].lose_per_million = static_cast<uint32_t>(i % 5 * 250'000);
    rules[i].delay = Duration(static_cast<int64_t>(i % 7) * 1000);
    rules[i].jitter = Duration(static_cast<int64_t>(i % 3) * 900);
  }
  return rules;
}

}  // namespace

void check_frame(std::span<const uint8_t> frame) {
  using Answer = LinkRule::Answer;
  static const std::array<LinkRule, 256> rules = all_rules();
  static Judge judge(rules, 1);
  const auto packet = parse_frame(frame);
  if (!packet) return;
  check_packet(*packet, frame.size());
  require(judge.judge(*packet).hold >= Duration::zero(), "no packet is held for a negative time");
  for (const Answer kind : {Answer::host_unreachable, Answer::net_unreachable, Answer::prohibited})
    check_answer(frame, *packet, kind);
}

}  // namespace connbench::lab
