// What the link does with the frames of one block of far addresses, and what it tells of its own work.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "harness/support/clock.h"

namespace connbench::lab {

/// What becomes of a frame that goes to, or comes from, a far block. Nothing set: it is carried over at once.
struct LinkRule {
  enum class Answer : uint8_t {
    forward,           ///< carry it over
    host_unreachable,  ///< ICMP "host unreachable" (IPv6: "address unreachable") comes back after a round trip
    net_unreachable,   ///< ICMP "network unreachable" ("no route to destination")
    prohibited,        ///< ICMP "communication administratively prohibited"
  };
  Answer answer = Answer::forward;
  uint8_t lose_syns = 0;          ///< of each connection: the first so many SYNs are lost
  uint8_t lose_synacks = 0;       ///< likewise SYN+ACKs
  uint32_t lose_per_million = 0;  ///< of all frames, in each direction, at random
  Duration delay{};               ///< in each direction: half a round trip
  Duration jitter{};              ///< in each direction: delay ± at most this, uniformly; at most `delay`
};

/// Latenesses, in buckets whose upper bounds grow by 2^(1/8) from 1 ns: read as quantiles within 9 %. What is later
/// than 4 s is in the last bucket.
struct LatenessHistogram {
  static constexpr size_t buckets = 256;
  std::array<uint64_t, buckets> counts{};

  void add(Duration lateness) noexcept;
  /// The upper bound of the bucket that holds the quantile q, 0 < q < 1; nothing counted: zero.
  Duration quantile(double q) const noexcept;
};

/// What the link writes while it runs; read by others when nothing is in motion.
struct LinkReport {
  std::atomic<bool> ready{false};   ///< it carries frames from now on
  uint64_t frames = 0;              ///< carried over
  uint64_t answered = 0;            ///< ICMP sent back instead
  uint64_t lost_by_rule = 0;        ///< lost because a rule says so
  uint64_t dropped_by_kernel = 0;   ///< did not fit the ring, or a slot of it; read every 100 ms and when asked
  uint64_t dropped_on_sending = 0;  ///< sendmmsg() refused it (ENOBUFS …)
  uint64_t dropped_in_queue = 0;    ///< more were held than there is memory for
  uint64_t foreign = 0;             ///< neither to nor from a far block: ARP, neighbour discovery …; not carried
  LatenessHistogram lateness{};     ///< sent − due, of every frame with a delay
  std::atomic<uint32_t> told{0};    ///< LinkState::asked, as last seen: all above is of that moment
};

/// In memory that the session and the link share. A rule is written before the first frame of its block is sent.
struct LinkState {
  std::array<LinkRule, 256> rules{};
  uint64_t seed = 0;  ///< of random loss and jitter; written before the link starts
  LinkReport report{};
  std::atomic<uint32_t> asked{0};  ///< how often somebody wanted the report to be of now
};

/// Waits until the link has brought its report up to date: everything that it received before this call is in it, but
/// for frames that it still holds. Up to about 100 ms. False when it has not within `patience` (it is dead).
bool refresh_report(LinkState& state, Duration patience) noexcept;

}  // namespace connbench::lab
