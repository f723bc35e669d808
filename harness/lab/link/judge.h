// What a rule says about one packet.
#pragma once

#include <array>

#include "harness/lab/link/connection_memory.h"
#include "harness/lab/link/packet.h"
#include "harness/lab/link/random.h"
#include "harness/lab/link/rule.h"

namespace connbench::lab {

/// Applies the rules. The same packets in the same order and the same seed: the same verdicts. Chance is drawn for each
/// block and direction on its own, so that what happens to one target does not depend on the traffic of another.
class Judge {
 public:
  /// `rules` must outlive it. @throws std::system_error
  Judge(const std::array<LinkRule, 256>& rules, uint64_t seed);

  enum class Fate : uint8_t { carry, answer, lose };
  struct Verdict {
    Fate fate;
    Duration hold;  ///< from its arrival until it is carried, or until the answer is sent
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
