// A session over known waves, and the records that it leaves.
#pragma once

#include <gmock/gmock.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "harness/process/stop_signal.h"
#include "harness/record/recorder.h"
#include "harness/run/local_site.h"
#include "harness/run/plan.h"
#include "harness/run/session.h"
#include "tests/bench/records.h"
#include "tests/harness/wave/known_wave.h"
#include "tests/support/temporary_folder.h"

namespace connbench::known {

/// How many hosts a known target has.
inline size_t host_count = 1;
/// The server of targets that do not begin with host 0.
inline pid_t servers_of_others = 0;
/// How the target was opened last.
inline TargetRequest opened{};

/// Its hosts are host_of(first), host_of(first + 1), …
class KnownTarget final : public Target {
 public:
  explicit KnownTarget(size_t first) : server_(first == 0 ? behaviour.server : servers_of_others) {
    for (size_t i = 0; i < host_count; ++i) hosts_.push_back(host_of(first + i));
  }
  std::span<const Endpoint> endpoints() const override { return hosts_; }
  pid_t server() const override { return server_; }

 private:
  pid_t server_;
  std::vector<Endpoint> hosts_;
};

template <size_t first = 0, Outcome expected = Outcome::connected>
inline constexpr TargetEntry known_target{
    .name = "known",
    .summary = "",
    .families = every_family,
    .answers = true,
    .expected_outcomes = [](Family) { return OutcomeSet{expected}; },
    .open = [](const TargetRequest& request) -> std::unique_ptr<Target> {
      opened = request;
      return std::make_unique<KnownTarget>(first);
    },
};

/// Tells the children which wave they make, and gives each a log of its own.
class Announcer : public SessionObserver {
 public:
  void on_wave(const PlannedCase& planned, unsigned repetition, WavePurpose purpose, size_t, size_t) override {
    const bool timed = purpose == WavePurpose::timing;
    current_wave = timed ? ++timed_ : 0;
    behaviour.log = &*(timed ? logs : counting_logs).emplace_back();
    if (timed) waves.push_back({planned.what, repetition});
    if (on_announcement) on_announcement(planned);
  }

  struct Announced {
    Case what;
    unsigned repetition;
  };
  std::function<void(const PlannedCase&)> on_announcement;
  std::vector<Announced> waves;                     ///< the timed ones, in order
  std::deque<Shared<WaveLog>> logs, counting_logs;  ///< in order

 private:
  unsigned timed_ = 0;
};

class KnownSession : public testing::Test {
 protected:
  KnownSession() {
    request_.targets = {NamedTarget{&known_target<>, "known", ""}};
    request_.concurrency = {2};
    request_.timeouts = {std::chrono::seconds(1)};
    request_.attempts = 8;
    request_.count_syscalls = false;
    info_.run_id = "run";
    info_.origin = {.monotonic_ns = 1'234'567, .realtime_ns = 0};
  }
  ~KnownSession() override {
    session_.reset();
    site_.reset();
    behaviour = {};
    servers_of_others = 0;
    current_wave = 0;
    host_count = 1;
  }

  SessionEnd run(const std::vector<std::string>& connectors = {"known"}) {
    for (const std::string& name : connectors) request_.connectors.push_back({&known_connector, name, options_});
    plan_ = make_plan(request_);
    info_.arrival = request_.arrival;
    info_.repetitions = request_.repetitions;
    recorder_.emplace(RunFolder(folder_.path() / "run"), info_);
    site_.emplace(request_, plan_, placement_, stop_, announcer_);
    session_.emplace(request_, plan_, *site_, *recorder_, announcer_);
    const SessionEnd end = session_->run();
    behaviour.log = nullptr;
    return end;
  }

  std::vector<Row> rows(const char* file) const { return rows_of(folder_.path() / "run" / file); }
  nlohmann::json document(const char* file) const { return json_of(folder_.path() / "run" / file); }
  /// A time of the records as CLOCK_MONOTONIC gave it.
  int64_t clock_ns(const Row& row, const char* column) const {
    return std::stoll(row.at(column)) + info_.origin.monotonic_ns;
  }

  TemporaryFolder folder_;
  StopSignal stop_;
  Options options_;  ///< of every connector
  RunRequest request_;
  RunInfo info_;
  Plan plan_;
  Placement placement_;
  Announcer announcer_;
  std::optional<Recorder> recorder_;
  std::optional<LocalSite> site_;
  std::optional<Session> session_;
};

}  // namespace connbench::known
