// What distinguishes one row of the comparison from another.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "harness/connector/endpoint.h"
#include "harness/support/clock.h"

namespace connbench {

/// Stands for the name of a target: all targets of a fleet. The scenario names them.
inline constexpr std::string_view every_target = "*";

/// One combination of everything that a run varies.
struct Case {
  std::string scenario;  ///< "burst", "steady:poisson:5000/s"
  std::string connector;
  std::string target;  ///< every_target for a fleet
  Family family = Family::ipv4;
  size_t concurrency = 1;
  size_t shards = 1;  ///< on each host
  size_t attempts = 1;
  Duration timeout{};
  size_t hosts = 1;  ///< that divide its attempts and those in flight; more than one only in a cluster

  bool operator==(const Case&) const = default;

  /// Whether it connects to several targets at once.
  bool is_fleet() const noexcept { return target == every_target; }
  /// Into how many parts a wave is divided.
  size_t parts() const noexcept { return shards * hosts; }
  /// What it connects to: the target; for a fleet the scenario, which names all its targets.
  const std::string& destination() const noexcept { return is_fleet() ? scenario : target; }
  /// Everything but the connector: "accepting (IPv4, 256 in flight, timeout 1s)".
  std::string describe_load() const;
  /// "epoll on accepting (IPv4, 256 in flight, timeout 1s)".
  std::string describe() const;
};

}  // namespace connbench
