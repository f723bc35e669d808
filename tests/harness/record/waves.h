// Hand-made waves for the tests of the records.
#pragma once

#include <cstdint>
#include <vector>

#include "harness/wave/wave.h"

namespace connbench {

/// CLOCK_MONOTONIC when the run of the test waves began.
inline constexpr int64_t test_origin = 1'000'000'000'000;

inline WaveResult wave_of(std::string connector = "epoll", unsigned repetition = 1) {
  WaveResult wave;
  wave.what = {.scenario = "burst",
               .connector = std::move(connector),
               .target = "accepting",
               .family = Family::ipv4,
               .concurrency = 4,
               .shards = 1,
               .attempts = 10,
               .timeout = std::chrono::milliseconds(200)};
  wave.repetition = repetition;
  wave.wave = 7;
  wave.started_ns = test_origin + 500;
  return wave;
}

/// An attempt that was scheduled at `scheduled` (since the origin), waited `queue` and took `took`.
inline Sample sample_of(Outcome outcome, int64_t scheduled, int64_t queue, int64_t took) {
  Sample s{};
  s.scheduled_ns = test_origin + scheduled;
  s.started_ns = s.scheduled_ns + queue;
  s.finished_ns = s.started_ns + took;
  s.reaped_ns = s.finished_ns + 5;
  s.outcome = outcome;
  s.state = Sample::State::done;
  return s;
}

inline Sample never_started() {
  Sample s{};
  s.outcome = Outcome::never_started;
  s.state = Sample::State::done;
  return s;
}

}  // namespace connbench
