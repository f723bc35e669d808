#include "harness/wave/program_ramp.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <vector>

#include "harness/exhaust/meter.h"
#include "harness/programs/program.h"
#include "harness/support/statistics.h"
#include "harness/wave/pacing.h"
#include "harness/wave/program_wave.h"

namespace connbench {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// The attempts of a program's wave cannot depend on what became of earlier ones. So they are due at fixed times.
constexpr Duration between_healthy = milliseconds(1);   // far longer than a connect to this machine takes
constexpr Duration between_patient = milliseconds(10);  // later on, when a program takes long to recover
constexpr Duration between_dead = microseconds(100);    // the slowest runtimes take about as long to begin one
constexpr Duration settling = milliseconds(50);         // between two parts of the ramp
constexpr Duration recovery = seconds(1);               // the part in which healthy attempts follow closely
constexpr Duration end_of_everything = seconds(2);      // after the last attempt is due, besides its timeout
constexpr Duration between_readings = milliseconds(5);
constexpr size_t most_before = 500;        // healthy attempts before the dead ones
constexpr size_t discarded_attempts = 32;  // of those: the first ones meet cold caches
constexpr size_t patient_attempts = 200;

struct Reading {
  int64_t time_ns;
  Holding holding;
};

class FixedTimes final : public Pacing {
 public:
  explicit FixedTimes(std::span<const Duration> due) : due_(due) {}
  bool open_loop() const noexcept override { return true; }
  Duration next_due() override { return due_[next_++]; }

 private:
  std::span<const Duration> due_;
  size_t next_ = 0;
};

// Which attempts are due when. Ids follow the order of the parts: healthy, dead, healthy beside them and afterwards.
class Schedule {
 public:
  Schedule(const RampPlan& plan, size_t dead) : plan_(plan), dead_(dead) {
    add_healthy(std::min(plan.healthy_attempts, most_before), between_healthy);
    first_dead_ = due_.size();
    at_ += settling;
    const Duration deadline = at_ + plan.lasts;
    const Duration apart = std::min<Duration>(between_dead, plan.timeout / 2 / static_cast<int64_t>(dead));
    for (size_t i = 0; i < dead; ++i) add(plan.dead.subspan(i % plan.dead.size(), 1), apart);
    first_beside_ = due_.size();
    at_ += settling;
    const Duration window = plan.by_deadline ? deadline - at_ - settling : Duration(seconds(1));
    const auto fit = static_cast<size_t>(std::max<int64_t>(0, window / between_healthy));
    add_healthy(std::min(plan.healthy_attempts, fit), between_healthy);
    first_after_ = due_.size();
    if (!plan.by_deadline) return;
    at_ = std::max(at_, deadline);
    add_healthy(static_cast<size_t>(recovery / between_healthy), between_healthy);
    add_healthy(patient_attempts, between_patient);
  }

  std::span<const Duration> due() const { return due_; }
  std::span<const std::span<const Endpoint>> routes() const { return routes_; }
  size_t first_dead() const { return first_dead_; }
  size_t dead() const { return dead_; }
  size_t first_beside() const { return first_beside_; }
  size_t beside() const { return first_after_ - first_beside_; }
  Duration limit() const { return at_ + end_of_everything + (plan_.by_deadline ? plan_.lasts : Duration{}); }

 private:
  void add(std::span<const Endpoint> host, Duration until_next) {
    due_.push_back(at_);
    routes_.push_back(host);
    at_ += until_next;
  }
  void add_healthy(size_t count, Duration apart) {
    for (size_t i = 0; i < count; ++i) add(plan_.healthy.subspan(i % plan_.healthy.size(), 1), apart);
  }

  const RampPlan& plan_;
  size_t dead_, first_dead_ = 0, first_beside_ = 0, first_after_ = 0;
  Duration at_{};
  std::vector<Duration> due_;
  std::vector<std::span<const Endpoint>> routes_;
};

// What the records of the wave say about the ramp.
class Findings {
 public:
  Findings(const RampPlan& plan, const Schedule& schedule, const Capabilities& capabilities,
           std::span<const Sample> samples, RampEnd& end)
      : plan_(plan),
        capabilities_(capabilities),
        end_(end),
        before_(samples.first(schedule.first_dead())),
        dead_(samples.subspan(schedule.first_dead(), schedule.dead())),
        beside_(samples.subspan(schedule.first_beside(), schedule.beside())),
        healthy_(samples.subspan(schedule.first_beside())) {
    for (const Sample& sample : dead_) {
      if (sample.started_ns == 0 || sample.outcome == Outcome::exhausted) continue;
      begun_.push_back(sample.started_ns);
      ended_.push_back(sample.finished_ns);
    }
    std::ranges::sort(begun_);
    std::ranges::sort(ended_);
  }

  void tell() {
    find_what_stopped_it();
    for (const int64_t time : begun_) end_.most_pending = std::max(end_.most_pending, pending_at(time));
    before();
    if (begun_.empty()) return;
    beside();
    if (plan_.by_deadline) after();
  }

  // Hands on what it held from just before the first dead attempt until all of them had begun, or one could not.
  void tell_steps(std::span<const Reading> readings) const {
    const int64_t from = begun_.empty() ? stopped_at_ : begun_.front();
    const int64_t to = std::min(stopped_at_ + settling.count(), first_deadline() - 1);
    auto at = std::ranges::upper_bound(readings, from, {}, &Reading::time_ns);
    if (at != readings.begin()) --at;
    bool last = false;
    for (; at != readings.end() && !last; ++at) {
      const auto next = std::next(at);
      last = at->time_ns >= to || next == readings.end() || next->time_ns >= first_deadline();
      plan_.on_step({.elapsed_ns = std::max<int64_t>(0, at->time_ns - from),
                     .pending = pending_at(at->time_ns),
                     .holding = at->holding});
    }
  }

 private:
  uint64_t pending_at(int64_t time) const {
    const auto up_to = [time](const std::vector<int64_t>& times) {
      return static_cast<uint64_t>(std::ranges::upper_bound(times, time) - times.begin());
    };
    return up_to(begun_) - up_to(ended_);
  }

  void find_what_stopped_it() {
    const auto ran_out = std::ranges::find(dead_, Outcome::exhausted, &Sample::outcome);
    stopped_at_ = begun_.empty() ? dead_.front().scheduled_ns : begun_.back();
    if (ran_out != dead_.end()) {
      end_.stopped = Stopped::exhausted;
      end_.os_error = ran_out->os_error;
      std::string_view call = call_of(ran_out->stage, capabilities_);
      if (call.empty()) call = "an attempt";
      call.copy(end_.call, sizeof end_.call - 1);
      stopped_at_ = std::max(ran_out->scheduled_ns, ran_out->finished_ns);
    } else if (dead_.size() < plan_.most) {
      end_.stopped = Stopped::full;
    }
    for (const Sample& sample : dead_) {
      const bool as_it_should = sample.outcome == Outcome::deadline_exceeded || sample.outcome == Outcome::exhausted ||
                                sample.outcome == Outcome::cancelled || sample.outcome == Outcome::never_started;
      if (!as_it_should && end_.ended_otherwise++ == 0) end_.otherwise = sample.outcome;
    }
  }

  int64_t first_deadline() const {
    if (begun_.empty() || !plan_.by_deadline) return std::numeric_limits<int64_t>::max();
    return begun_.front() + plan_.lasts.count();
  }

  void before() {
    std::vector<int64_t> latencies;
    for (const Sample& sample : before_.subspan(std::min(before_.size() / 2, discarded_attempts)))
      if (sample.outcome == Outcome::connected) latencies.push_back(sample.finished_ns - sample.started_ns);
    end_.unloaded_p50_ns = quantile(latencies, 0.5).value_or(not_known);
    end_.unloaded_p99_ns = quantile(latencies, 0.99).value_or(not_known);
  }

  void beside() {
    std::vector<int64_t> latencies;
    for (const Sample& sample : beside_) {
      if (sample.scheduled_ns < stopped_at_ || sample.scheduled_ns >= first_deadline()) continue;
      ++end_.healthy_tried;
      if (sample.outcome != Outcome::connected || sample.finished_ns >= first_deadline()) continue;
      if (latencies.empty()) end_.recovery_pending_ns = sample.finished_ns - stopped_at_;
      latencies.push_back(sample.finished_ns - sample.started_ns);
    }
    end_.healthy_connected = latencies.size();
    end_.healthy_p50_ns = quantile(latencies, 0.5).value_or(not_known);
    end_.healthy_p99_ns = quantile(latencies, 0.99).value_or(not_known);
  }

  void after() {
    end_.by_deadline = true;
    end_.recovery_limit_ns = Duration(recovery + patient_attempts * between_patient).count();
    // When the first deadlines passed before all had begun, the time since then is not a recovery time.
    if (stopped_at_ > first_deadline()) return;
    for (const Sample& sample : healthy_)
      if (sample.outcome == Outcome::connected && sample.finished_ns >= first_deadline()) {
        const int64_t took = sample.finished_ns - first_deadline();
        if (end_.recovery_released_ns < 0 || took < end_.recovery_released_ns) end_.recovery_released_ns = took;
      }
  }

  const RampPlan& plan_;
  const Capabilities& capabilities_;
  RampEnd& end_;
  std::span<const Sample> before_, dead_, beside_, healthy_;
  std::vector<int64_t> begun_, ended_;  // of the dead attempts that began, each in order
  int64_t stopped_at_ = 0;
};

}  // namespace

void run_program_ramp(const ProgramRamp& ramp, const RampPlan& plan, RampEnd& end) {
  const Capabilities& capabilities = ramp.connector.entry->program->description().capabilities;
  const size_t most = capabilities.max_in_flight;
  const size_t in_flight = most == 0 ? plan.most + 1 : std::min(most, plan.most + 1);
  const Schedule schedule(plan, std::min(plan.most, in_flight));
  const Case what{.scenario = "exhaust",
                  .connector = ramp.connector.name,
                  .target = std::string(every_target),
                  .family = ramp.family,
                  .concurrency = in_flight,
                  .attempts = schedule.due().size(),
                  .timeout = plan.timeout};
  const WaveSpec wave{.what = &what,
                      .connector = &ramp.connector,
                      .load = {.endpoints = plan.healthy, .routes = schedule.routes(), .limit = schedule.limit()},
                      .warm_up = plan.healthy,
                      .policy = ramp.connector.policy({}),
                      .pacing = [&] { return std::make_unique<FixedTimes>(schedule.due()); }};
  SampleBuffer samples(what.attempts);
  const auto report = std::make_unique<WaveReport>();
  std::optional<Meter> meter;
  std::vector<Reading> readings;
  const auto look = [&](pid_t program) {
    report->stop = plan.stop != nullptr && plan.stop->load();
    if (!meter) meter.emplace(program);
    readings.push_back({to_ns(now()), meter->read()});
  };
  run_program_wave(wave, samples, *report,
                   {.prepare = [&] { ramp.limit.enter(); }, .look = look, .interval = between_readings});
  Findings findings(plan, schedule, capabilities, samples.samples(), end);
  findings.tell();
  findings.tell_steps(readings);
}

}  // namespace connbench
