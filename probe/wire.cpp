#include "probe/wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "harness/lab/addresses.h"

namespace connbench::probe {
namespace {

constexpr const char* interface = "a0";  // the client's interface in the lab (harness/lab/network.cpp)
constexpr uint8_t push = 0x08;

uint8_t block_of(const Endpoint& host) {
  const auto& address = *reinterpret_cast<const sockaddr_in*>(host.address());
  const auto block = lab::far_block(ntohl(address.sin_addr.s_addr));
  if (!block) throw std::invalid_argument(host.to_string() + " is not across the link");
  return *block;
}

size_t data_of(std::span<const uint8_t> frame, const lab::Packet& packet) {
  const size_t tcp = lab::ethernet_header + packet.payload_at;
  if (!packet.tcp || tcp + 12 >= frame.size()) return 0;
  const size_t headers =
      packet.payload_at + size_t{frame[tcp + 12]} / 16 * 4;  // length of the TCP header, in 32-bit words
  return packet.length > headers ? packet.length - headers : 0;
}

}  // namespace

uint16_t Seen::client_port() const noexcept {
  if (!packet.tcp) return 0;
  return outgoing ? packet.tcp->source_port : packet.tcp->destination_port;
}

std::string Seen::flags() const {
  if (!packet.tcp) return packet.protocol == IPPROTO_UDP ? "UDP" : packet.protocol == IPPROTO_ICMP ? "ICMP" : "other";
  std::string text;
  for (const auto& [bit, letter] :
       {std::pair{lab::TcpHeader::fin, 'F'}, {lab::TcpHeader::syn, 'S'}, {lab::TcpHeader::rst, 'R'}, {push, 'P'}})
    if ((packet.tcp->flags & bit) != 0) text += letter;
  if ((packet.tcp->flags & lab::TcpHeader::ack) != 0) text += '.';
  return text;
}

Wire::Wire(const Endpoint& host)
    : socket_(interface, lab::PacketSocket::Sees::arriving_and_leaving), block_(block_of(host)) {}

const std::vector<Seen>& Wire::seen() {
  for (; const auto frame = socket_.next(); socket_.release()) {
    const auto packet = lab::parse_frame(frame->bytes);
    if (!packet || packet->block != block_) continue;  // other probes may use the same wire
    if (seen_.empty()) first_ = frame->stamp;
    seen_.push_back({frame->stamp - first_, packet->to_far, *packet, data_of(frame->bytes, *packet)});
  }
  return seen_;
}

}  // namespace connbench::probe
