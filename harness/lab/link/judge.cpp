#include "harness/lab/link/judge.h"

#include <algorithm>

namespace connbench::lab {

Judge::Judge(const std::array<LinkRule, 256>& rules, uint64_t seed) : rules_(rules), connections_(mix(seed)) {
  Random seeds(seed);
  for (auto& direction : chance_)
    for (Random& random : direction) random = Random(seeds.next());
}

bool Judge::loses_handshake(const LinkRule& rule, const Packet& packet) noexcept {
  if (!packet.tcp) return false;
  if (packet.to_far && rule.lose_syns > 0 && packet.tcp->is_syn()) return connections_.count(packet) < rule.lose_syns;
  if (!packet.to_far && rule.lose_synacks > 0 && packet.tcp->is_synack())
    return connections_.count(packet) < rule.lose_synacks;
  return false;
}

bool Judge::loses_by_chance(const LinkRule& rule, Random& random) noexcept {
  return rule.lose_per_million > 0 && random.below(1'000'000) < rule.lose_per_million;
}

Duration Judge::one_way(const LinkRule& rule, Random& random) noexcept {
  const Duration jitter = std::min(rule.jitter, rule.delay);
  if (jitter <= Duration::zero()) return rule.delay;
  const auto choices = static_cast<uint64_t>(2 * jitter.count() + 1);
  return rule.delay - jitter + Duration(static_cast<int64_t>(random.below(choices)));
}

Judge::Verdict Judge::judge(const Packet& packet) noexcept {
  constexpr Verdict lost{Fate::lose, {}};
  const LinkRule& rule = rules_[packet.block];
  Random& there = chance_[packet.to_far][packet.block];
  if (loses_handshake(rule, packet) || loses_by_chance(rule, there)) return lost;
  const Duration hold = one_way(rule, there);
  if (!packet.to_far || rule.answer == LinkRule::Answer::forward) return {Fate::carry, hold};
  Random& back = chance_[0][packet.block];
  if (loses_by_chance(rule, back)) return lost;
  return {Fate::answer, hold + one_way(rule, back)};
}

}  // namespace connbench::lab
