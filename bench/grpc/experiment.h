// What grpc_channels measures: channels of gRPC next to bare sockets, at the same hosts and in the same rounds.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "harness/lab/lab.h"
#include "harness/support/clock.h"

namespace connbench::channels {

/// How much to measure.
struct Sizes {
  size_t rounds;      ///< in each, every way is measured once at every host, in an order of its own
  size_t one_by_one;  ///< attempts at hosts that answer at once
  size_t at_once;
  size_t far;   ///< attempts, one by one, at the host that is far away
  size_t dead;  ///< attempts, one by one, at the host that never answers
  size_t held;
  Duration watched;  ///< how long channels are watched that cannot connect
};
inline constexpr Sizes all_of_it{.rounds = 12,
                                 .one_by_one = 100,
                                 .at_once = 256,
                                 .far = 16,
                                 .dead = 5,
                                 .held = 400,
                                 .watched = std::chrono::seconds(42)};  // gRPC gives up a try after 20 s
inline constexpr Sizes a_little{.rounds = 2,
                                .one_by_one = 8,
                                .at_once = 16,
                                .far = 1,
                                .dead = 1,
                                .held = 16,
                                .watched = std::chrono::milliseconds(1500)};

/// Where to measure.
struct Site {
  lab::Lab* lab;        ///< nullptr: on loopback alone, which has no host that is far away or dead
  std::string why_not;  ///< why there is no lab
  int pcap;             ///< a file for the packets of channels that are watched; -1 = watch none
};

/// Everything that was measured, as JSON: scripts/connbench_tools/method/grpc_channels.py reads it. Call it while the
/// process has one thread. @throws std::exception when something could not be measured that can be measured here
nlohmann::ordered_json measure(const Site& site, const Sizes& sizes);

}  // namespace connbench::channels
