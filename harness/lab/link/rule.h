// The link's rules for each block of far addresses, and its report.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "harness/support/clock.h"

namespace connbench::lab {

/// What happens to frames to or from a far block. The default forwards them at once.
struct LinkRule {
  enum class Answer : uint8_t {
    forward,           ///< forward the frame
    host_unreachable,  ///< reply with ICMP "host unreachable" (IPv6: "address unreachable") after a round trip
    net_unreachable,   ///< reply with ICMP "network unreachable" (IPv6: "no route to destination")
    prohibited,        ///< reply with ICMP "communication administratively prohibited"
  };
  Answer answer = Answer::forward;
  uint8_t lose_syns = 0;          ///< how many of the first SYNs of each connection are dropped
  uint8_t lose_synacks = 0;       ///< likewise for SYN+ACKs
  uint32_t lose_per_million = 0;  ///< random loss of all frames, in each direction
  Duration delay{};               ///< per direction: half a round trip
  Duration jitter{};              ///< per direction: uniform in delay ± jitter; capped at `delay`
};

/// A histogram of lateness with bucket bounds that grow by 2^(1/8) from 1 ns, so quantiles are accurate to 9 %. The
/// last bucket takes everything above 4 s.
struct LatenessHistogram {
  static constexpr size_t buckets = 256;
  std::array<uint64_t, buckets> counts{};

  void add(Duration lateness) noexcept;
  /// The upper bound of the bucket that holds quantile `q`, 0 < q < 1; zero when the histogram is empty.
  Duration quantile(double q) const noexcept;
};

/// The link's counters. Written while the link runs; read them while no frames are in motion.
struct LinkReport {
  std::atomic<bool> ready{false};   ///< set once frames are forwarded
  uint64_t frames = 0;              ///< frames forwarded
  uint64_t answered = 0;            ///< packets answered with ICMP
  uint64_t lost_by_rule = 0;        ///< frames dropped by a rule
  uint64_t dropped_by_kernel = 0;   ///< frames that did not fit the ring or a slot; updated every 100 ms and on request
  uint64_t dropped_on_sending = 0;  ///< frames that sendmmsg() refused (ENOBUFS …)
  uint64_t dropped_in_queue = 0;    ///< frames that found no memory to be held in
  uint64_t foreign = 0;  ///< frames neither to nor from a far block (ARP, neighbour discovery …); not forwarded
  LatenessHistogram lateness{};        ///< sent − due, for every frame with a delay
  std::atomic<uint32_t> refreshed{0};  ///< the last LinkState::refresh_requested that this report reflects
};

/// Shared memory between the session and the link. A rule is written before the first frame of its block is sent.
struct LinkState {
  std::array<LinkRule, 256> rules{};
  uint64_t seed = 0;  ///< for random loss and jitter; written before the link starts
  LinkReport report{};
  std::atomic<uint32_t> refresh_requested{0};  ///< number of calls of refresh_report()
};

/// Waits until the link has updated its report, which then covers every frame received before this call, except frames
/// still held. Takes up to about 100 ms. Returns false when the link did not answer within `patience`: it is dead.
bool refresh_report(LinkState& state, Duration patience) noexcept;

}  // namespace connbench::lab
