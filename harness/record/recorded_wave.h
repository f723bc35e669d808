// A finished wave with its samples, as the records take it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>
#include <string_view>
#include <vector>

#include "harness/scenarios/mix.h"
#include "harness/wave/division.h"
#include "harness/wave/sample.h"
#include "harness/wave/share.h"
#include "harness/wave/wave.h"

namespace connbench {

struct RecordedWave {
  std::string_view run_id;
  int64_t origin_ns;  ///< CLOCK_MONOTONIC at the run's origin
  const WaveResult& wave;
  std::span<const Sample> samples;
  const Assignment* assignment = nullptr;  ///< of a fleet: which target each attempt of the whole wave had
  WaveShare share{};                       ///< of the whole wave: whose attempts these are

  /// The number, in the whole wave, of the attempt at a position among these.
  size_t number(size_t attempt) const { return attempt * share.of + share.index; }
  /// Whether the attempt was offered before the wave was stopped or its time was over, so that its sample says
  /// something.
  bool offered(size_t attempt) const {
    const size_t parts = wave.what.parts();
    return wave.offered.empty() || attempt / parts < wave.offered[attempt % parts];
  }
  /// No attempt from this one on was offered.
  size_t end_of_offered() const {
    if (wave.offered.empty()) return samples.size();
    return std::min(samples.size(), *std::ranges::max_element(wave.offered) * wave.what.parts());
  }
  /// How many were wanted nevertheless.
  size_t never_offered() const {
    if (wave.offered.empty() || wave.by_time) return 0;
    return samples.size() - std::accumulate(wave.offered.begin(), wave.offered.end(), size_t{0});
  }
  const Sample& sample(size_t attempt) const {
    return samples[Division{samples.size(), wave.what.parts()}.place(attempt)];
  }
};

}  // namespace connbench
