#include "harness/wave/wave_child.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <barrier>
#include <iterator>
#include <stdexcept>
#include <thread>
#include <vector>

#include "harness/process/affinity.h"
#include "harness/support/units.h"
#include "harness/wave/division.h"
#include "harness/wave/program_wave.h"
#include "harness/wave/shard.h"

namespace connbench {
namespace {

constexpr Duration begin_check = std::chrono::milliseconds(1);
// Sleeps end late: by 50 µs of timer slack, and by more where the processor is busy.
constexpr Duration awake_before = std::chrono::microseconds(200);
// A part that begins later than this is not part of the same wave.
constexpr Duration latest_begin = std::chrono::milliseconds(10);

// @return when all hosts begin. @throws std::runtime_error when that instant has passed
TimePoint await_agreed_begin(WaveReport& report) {
  report.ready = true;
  while (report.begin_ns == 0) sleep_until(now() + begin_check);
  const TimePoint begin(Duration(report.begin_ns));
  sleep_until(begin - awake_before);
  return begin;
}

// The last stretch is not slept. @throws std::runtime_error that says how late it is
void spin_until(TimePoint begin) {
  TimePoint time = now();
  while (time < begin) time = now();
  if (time - begin > latest_begin)
    throw std::runtime_error(
        fmt::format("began {} after the instant that all hosts had agreed on", human_readable(time - begin)));
}

// The readings around a wave.
class Meter {
 public:
  Meter(const WaveSpec& spec, WaveReport& report, SyscallCounter* counter)
      : spec_(spec), report_(report), counter_(counter) {}
  // @return when the wave begins: now
  TimePoint start() {
    const bool together = spec_.agreed_begin;
    const TimePoint agreed = together ? await_agreed_begin(report_) : TimePoint{};
    before_ = read_usage_before(spec_.server);
    if (counter_ != nullptr) counter_->start();
    if (together) spin_until(agreed);
    const TimePoint begin = together ? agreed : now();
    report_.started_ns = to_ns(begin);
    return begin;
  }
  void stop() {
    if (counter_ != nullptr) report_.keep(counter_->stop());
    report_.usage = read_usage_after(spec_.server) - before_;
  }

 private:
  const WaveSpec& spec_;
  WaveReport& report_;
  SyscallCounter* counter_;
  Usage before_{};
};

void undivided_wave(const WaveSpec& spec, SampleBuffer& samples, WaveReport& report) {
  Shard shard(spec, samples, 0);
  // Made before the connector: it counts only the threads that begin after it.
  const auto counter = make_syscall_counter(spec.syscall_method);
  shard.make_connector();
  Meter meter(spec, report, counter.get());
  shard.drive(meter.start(), report.stop);
  meter.stop();
}

// This thread takes the readings. Its descriptor table holds only the counter's descriptors.
void divided_wave(const WaveSpec& spec, SampleBuffer& samples, WaveReport& report) {
  const size_t shards = spec.what->shards;
  const auto counter = make_syscall_counter(spec.syscall_method);
  Meter meter(spec, report, counter.get());
  std::barrier<> step(static_cast<std::ptrdiff_t>(shards) + 1);
  TimePoint begin{};
  const auto run_shard = [&](size_t index) {
    Shard shard(spec, samples, index);
    shard.make_connector();
    report.tables[index] = ::gettid();
    step.arrive_and_wait();  // all shards are ready
    step.arrive_and_wait();  // the readings have begun
    shard.drive(begin, report.stop);
    step.arrive_and_wait();  // all shards have ended
    step.arrive_and_wait();  // the readings have ended
  };
  std::vector<std::jthread> threads;
  or_fail(report.error, [&] {  // ends the process: threads that wait at the barrier cannot be joined
    for (size_t index = 0; index < shards; ++index)
      threads.emplace_back([&, index] { or_fail(report.error, [&] { run_shard(index); }); });
    step.arrive_and_wait();
    begin = meter.start();
    step.arrive_and_wait();
    step.arrive_and_wait();
    meter.stop();
    step.arrive_and_wait();
  });
}

// Of a wave with a given time, only a part of the room is used, and nobody knows which: one page fault for 85 attempts
// of the rest is less than memory for millions that are never made.
void populate(const WaveSpec& spec, SampleBuffer& samples) {
  constexpr size_t usual = 1'000'000;
  if (spec.load.lasts == Duration::zero()) return samples.populate();
  const Division division{samples.samples().size(), spec.what->shards};
  for (size_t shard = 0; shard < division.shards; ++shard)
    samples.populate(division.first(shard), std::min(division.count(shard), usual / division.shards));
}

}  // namespace

void WaveReport::keep(const std::vector<SyscallCount>& counts) {
  syscall_names = std::min(counts.size(), std::size(syscalls));
  for (size_t i = 0; i < syscall_names; ++i) {
    counts[i].name.copy(syscalls[i].name, sizeof syscalls[i].name - 1);
    syscalls[i].calls = counts[i].calls;
  }
}

void run_wave_child(const WaveSpec& spec, SampleBuffer& samples, WaveReport& report, pid_t parent) noexcept {
  run_measured_child({.parent = parent, .drop_capabilities = spec.drop_capabilities}, report.error, [&] {
    run_on(0, spec.cpus);
    populate(spec, samples);
    if (spec.connector->entry->program != nullptr)
      run_program_wave(spec, samples, report);
    else
      (spec.what->shards > 1 ? divided_wave : undivided_wave)(spec, samples, report);
    report.finished = true;
  });
}

}  // namespace connbench
