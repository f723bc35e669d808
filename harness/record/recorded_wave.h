// A finished wave with its samples, as the records take it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "harness/scenarios/mix.h"
#include "harness/wave/sample.h"
#include "harness/wave/wave.h"

namespace connbench {

struct RecordedWave {
  std::string_view run_id;
  int64_t origin_ns;  ///< CLOCK_MONOTONIC at the run's origin
  const WaveResult& wave;
  std::span<const Sample> samples;
  const Assignment* assignment = nullptr;  ///< of a fleet: which target each attempt had
};

}  // namespace connbench
