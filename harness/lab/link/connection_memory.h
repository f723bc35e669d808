// How many SYNs and SYN+ACKs of each connection have passed, for rules that lose the first few.
#pragma once

#include <cstdint>

#include "harness/lab/link/mapping.h"
#include "harness/lab/link/packet.h"

namespace connbench::lab {

/// A connection is its addresses and ports together with the client's initial sequence number: a retransmitted SYN is
/// of the same connection, a port that is used again is not.
///
/// Bounded: at least the last million connections are remembered, in two generations of 16 MiB; when the younger is
/// full, the older is forgotten. What is stored of a connection is a 48-bit hash: among a million, the chance that any
/// two are taken for one is below 1 in a million.
class ConnectionMemory {
 public:
  static constexpr size_t connections_per_generation = size_t{1} << 20;

  /// `seed` of the hash. @throws std::system_error
  explicit ConnectionMemory(uint64_t seed);

  /// Counts a SYN or SYN+ACK and says how many of its connection came before it, up to 255.
  /// `packet.tcp` must be there and one of the two.
  uint8_t count(const Packet& packet) noexcept;

 private:
  /// A hash table with linear probing, at most half full. A slot is 0, or 48 bits of the hash above the two counts.
  struct Generation {
    static constexpr size_t slots = 2 * connections_per_generation;
    Mapping memory{slots * sizeof(uint64_t)};
    size_t used = 0;

    /// Where the connection is, or the empty slot where it belongs.
    uint64_t& find(uint64_t hash) const noexcept;
  };

  uint64_t hash(const Packet& packet) const noexcept;
  uint64_t& slot_of(uint64_t hash) noexcept;

  uint64_t seed_;
  Generation generations_[2];
  unsigned young_ = 0;
};

}  // namespace connbench::lab
