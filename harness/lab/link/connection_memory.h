// Counts the SYNs and SYN+ACKs of each connection, for rules that drop the first few.
#pragma once

#include <cstdint>

#include "harness/lab/link/mapping.h"
#include "harness/lab/link/packet.h"

namespace connbench::lab {

/// A connection is identified by its addresses, its ports and the client's initial sequence number: a retransmitted SYN
/// belongs to the same connection, a reused port does not.
///
/// Memory is bounded: at least the last million connections are remembered, in two generations of 16 MiB; when the
/// younger one is full, the older one is discarded. Connections are stored as 48-bit hashes: among a million
/// connections, the chance of any collision is below 1 in a million.
class ConnectionMemory {
 public:
  static constexpr size_t connections_per_generation = size_t{1} << 20;

  /// `seed` seeds the hash. @throws std::system_error
  explicit ConnectionMemory(uint64_t seed);

  /// Counts a SYN or SYN+ACK and returns how many of the same connection came before it, up to 255. `packet.tcp` must
  /// be one of the two.
  uint8_t count(const Packet& packet) noexcept;

 private:
  /// A hash table with linear probing, at most half full. A slot is 0 or holds 48 bits of the hash above the two
  /// counts.
  struct Generation {
    static constexpr size_t slots = 2 * connections_per_generation;
    Mapping memory{slots * sizeof(uint64_t)};
    size_t used = 0;

    /// The slot of the connection, or the empty slot where it belongs.
    uint64_t& find(uint64_t hash) const noexcept;
  };

  uint64_t hash(const Packet& packet) const noexcept;
  uint64_t& slot_of(uint64_t hash) noexcept;

  uint64_t seed_;
  Generation generations_[2];
  unsigned young_ = 0;
};

}  // namespace connbench::lab
