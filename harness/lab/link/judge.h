// Decides what happens to a packet under its rule.
#pragma once

#include <array>
#include <cstdint>

#include "harness/lab/link/connection_memory.h"
#include "harness/lab/link/packet.h"
#include "harness/lab/link/random.h"
#include "harness/lab/link/rule.h"

namespace connbench::lab {

/// Applies the rules. Packets in the same order with the same seed get the same verdicts. Random numbers are drawn
/// separately for each block and direction, so that the traffic of one target does not affect another.
class Judge {
 public:
  /// `rules` must outlive it. @throws std::system_error
  Judge(const std::array<LinkRule, 256>& rules, uint64_t seed);

  enum class Fate : uint8_t { carry, answer, lose };
  struct Verdict {
    Fate fate;
    Duration hold;  ///< from the packet's arrival until it, or the answer to it, is sent
  };
  Verdict judge(const Packet& packet) noexcept;

 private:
  bool loses_handshake(const LinkRule& rule, const Packet& packet) noexcept;
  static bool loses_by_chance(const LinkRule& rule, Random& random) noexcept;
  static Duration one_way(const LinkRule& rule, Random& random) noexcept;

  const std::array<LinkRule, 256>& rules_;
  ConnectionMemory connections_;
  std::array<std::array<Random, 256>, 2> chance_;  // [to_far][block]
};

}  // namespace connbench::lab
