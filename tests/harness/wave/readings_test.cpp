// What the parent of a wave reads of its child, and what the child prepares: from which process, when, and what is
// kept.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <set>

#include "harness/wave/wave.h"
#include "tests/harness/wave/known_wave.h"

namespace connbench::known {
namespace {

using namespace std::chrono_literals;
using testing::Each;
using testing::IsEmpty;

constexpr size_t attempts = 20'000;  // their samples fill some hundred pages

// What the parent did meanwhile, for the child to see.
struct Parent {
  std::atomic<unsigned> looks{0}, readings{0};
};

class Readings : public testing::TestWithParam<size_t>, public WaveParent {
 protected:
  void SetUp() override {
    parent = &*shared_;
    behaviour.log = &*log_;
    read_of.clear();
    tables.clear();
  }
  void TearDown() override { behaviour = {}; }

  bool should_stop() override {
    ++parent->looks;
    return false;
  }

  // Peaks at the second and the third reading; afterwards less.
  static Footprint reading(pid_t process, std::span<const std::atomic<pid_t>> others) {
    constexpr std::array<Footprint, 4> seen{{{3, 30}, {9, 80}, {4, 95}, {2, 10}}};
    read_of.insert(process);
    tables.clear();
    for (const auto& other : others) tables.insert(other);
    return seen[std::min<size_t>(parent->readings++, seen.size() - 1)];
  }

  WaveResult run() {
    const NamedConnector connector{&known_connector, "known", {}};
    const Case what{.scenario = "burst",
                    .connector = "known",
                    .target = "none",
                    .concurrency = 300,
                    .shards = GetParam(),
                    .attempts = attempts,
                    .timeout = 1s};
    const auto endpoints = hosts(attempts);
    return run_wave({.what = &what,
                     .connector = &connector,
                     .load = {.endpoints = endpoints, .limit = 1h},
                     .warm_up = std::span(endpoints).first(1),
                     .pacing = closed_loop,
                     .footprint = reading},
                    buffer_, *this);
  }

  static inline Parent* parent = nullptr;
  static inline std::set<pid_t> read_of, tables;
  Shared<Parent> shared_;
  Shared<WaveLog> log_;
  SampleBuffer buffer_{attempts};
};
INSTANTIATE_TEST_SUITE_P(In, Readings, testing::Values(1, 3),
                         [](const auto& in) { return fmt::format("{}_shards", in.param); });

void wait_until(const std::atomic<unsigned>& counter, unsigned value) {
  while (counter < value) sleep_until(now() + 100us);
}

// The child waits for its parent, so that nothing depends on when the parent gets to run.
TEST_P(Readings, PeaksAreTheHighestDuringTheWave) {
  behaviour.work = [](Moment moment, Seen& seen) {
    if (moment == Moment::running && !seen.warms_up) return wait_until(parent->readings, 5);
    if (moment != Moment::making) return;
    wait_until(parent->looks, parent->looks + 3);
    seen.noted = parent->readings;
  };
  const WaveResult result = run();
  EXPECT_THAT(result.failure, IsEmpty());
  EXPECT_EQ(result.peak.threads, 9);
  EXPECT_EQ(result.peak.fds, 95);
  for (const Seen& seen : log_->all()) EXPECT_EQ(seen.noted, 0) << "it was read before the wave had begun";
}

TEST_P(Readings, AreOfTheChildAndOfEachDescriptorTable) {
  behaviour.work = [](Moment moment, Seen& seen) {
    if (moment == Moment::running && !seen.warms_up) wait_until(parent->readings, 2);
  };
  run();
  const auto measured = log_->all(false);
  ASSERT_EQ(measured.size(), GetParam());
  EXPECT_THAT(read_of, testing::ElementsAre(measured.front().process));
  std::set<pid_t> threads;
  if (GetParam() > 1)
    for (const Seen& seen : measured) threads.insert(seen.thread);
  EXPECT_EQ(tables, threads);
}

// Otherwise page faults would be part of the wave.
TEST_P(Readings, ThePagesOfTheSamplesAreThereBeforeAnythingIsMeasured) {
  static std::span<const Sample> samples;
  samples = buffer_.samples();
  behaviour.work = [](Moment moment, Seen& seen) {
    if (moment != Moment::making || seen.warms_up) return;
    const UniqueFd pages(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
    const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
    const auto begin = reinterpret_cast<uintptr_t>(samples.data()) / page;
    const auto end = (reinterpret_cast<uintptr_t>(samples.data() + samples.size()) - 1) / page;
    for (uintptr_t at = begin; at <= end; ++at) {
      constexpr uint64_t present = uint64_t{1} << 63, swapped = uint64_t{1} << 62;
      uint64_t entry = 0;
      if (::pread(pages.get(), &entry, sizeof entry, static_cast<off_t>(at * sizeof entry)) != ssize_t{sizeof entry}) {
        seen.noted = -1;
        return;
      }
      seen.noted += (entry & (present | swapped)) == 0 ? 1 : 0;
    }
  };
  run();
  const auto measured = log_->all(false);
  ASSERT_EQ(measured.size(), GetParam());
  if (measured.front().noted < 0) GTEST_SKIP() << "/proc/self/pagemap cannot be read";
  for (const Seen& seen : measured) EXPECT_EQ(seen.noted, 0) << "pages were missing";
}

}  // namespace
}  // namespace connbench::known
