// Runs one wave of a connector in this process.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "harness/connector/registry.h"
#include "harness/targets/target.h"
#include "harness/wave/runner.h"

namespace connbench {

class DrivenWave {
 public:
  DrivenWave(const ConnectorEntry& entry, size_t attempts, size_t concurrency, ConnectionPolicy policy = {})
      : concurrency_(concurrency),
        samples_(attempts),
        retirement_(policy, attempts),
        connector_(entry.make({Options("", entry.options), concurrency, retirement_})) {}

  /// May be called once.
  const std::vector<Sample>& drive(std::span<const Endpoint> endpoints, Duration timeout, Duration limit) {
    const auto pacing = closed_loop();
    connbench::drive(*connector_,
                     {.load = {.endpoints = endpoints, .limit = limit},
                      .concurrency = concurrency_,
                      .timeout = timeout,
                      .pacing = pacing.get()},
                     samples_);
    return samples_;
  }

  const Connector& connector() const { return *connector_; }

 private:
  size_t concurrency_;
  std::vector<Sample> samples_;
  Retirement retirement_;
  std::unique_ptr<Connector> connector_;
};

inline size_t count_of(Outcome outcome, const std::vector<Sample>& samples) {
  return static_cast<size_t>(std::ranges::count(samples, outcome, &Sample::outcome));
}

}  // namespace connbench
