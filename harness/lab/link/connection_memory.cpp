#include "harness/lab/link/connection_memory.h"

#include <cstring>

#include "harness/lab/link/random.h"

namespace connbench::lab {
namespace {

constexpr unsigned count_bits = 8;
constexpr uint64_t count_mask = (uint64_t{1} << count_bits) - 1;
constexpr unsigned tag_shift = 2 * count_bits;

uint64_t half(const Packet::Address& address, size_t which) {
  uint64_t word;
  std::memcpy(&word, &address[8 * which], sizeof word);
  return word;
}

}  // namespace

ConnectionMemory::ConnectionMemory(uint64_t seed) : seed_(seed) {}

uint64_t ConnectionMemory::hash(const Packet& packet) const noexcept {
  const TcpHeader& tcp = *packet.tcp;
  // Normalised to the client's SYN. A SYN+ACK acknowledges that SYN's sequence number plus one; its own sequence number
  // may differ between transmissions (SYN cookies).
  const bool back = tcp.is_synack();
  const auto& client = back ? packet.destination : packet.source;
  const auto& server = back ? packet.source : packet.destination;
  const uint64_t client_port = back ? tcp.destination_port : tcp.source_port;
  const uint64_t server_port = back ? tcp.source_port : tcp.destination_port;
  const uint32_t sequence = back ? tcp.acknowledgement - 1 : tcp.sequence;
  uint64_t sum = mix(seed_ + (packet.ipv6 ? 6 : 4));
  for (const uint64_t word : {client_port << 48 | server_port << 32 | sequence, half(client, 0), half(client, 1),
                              half(server, 0), half(server, 1)})
    sum = mix(sum ^ word);
  return sum;
}

uint64_t& ConnectionMemory::Generation::find(uint64_t hash) const noexcept {
  auto* const table = reinterpret_cast<uint64_t*>(memory.bytes());
  size_t at = hash % slots;
  while (table[at] != 0 && table[at] >> tag_shift != hash >> tag_shift) at = (at + 1) % slots;
  return table[at];
}

uint64_t& ConnectionMemory::slot_of(uint64_t hash) noexcept {
  uint64_t* slot = &generations_[young_].find(hash);
  if (*slot != 0) return *slot;
  const uint64_t known = generations_[1 - young_].find(hash);
  if (generations_[young_].used == connections_per_generation) {
    young_ = 1 - young_;
    generations_[young_].memory.clear();
    generations_[young_].used = 0;
    slot = &generations_[young_].find(hash);
  }
  ++generations_[young_].used;
  // A tag of zero with zero counts would look like an empty slot, but count() immediately sets one of the counts to 1.
  *slot = known != 0 ? known : hash >> tag_shift << tag_shift;
  return *slot;
}

uint8_t ConnectionMemory::count(const Packet& packet) noexcept {
  uint64_t& slot = slot_of(hash(packet));
  const unsigned shift = packet.tcp->is_synack() ? count_bits : 0;
  const uint64_t before = slot >> shift & count_mask;
  if (before < count_mask) slot += uint64_t{1} << shift;
  return static_cast<uint8_t>(before);
}

}  // namespace connbench::lab
