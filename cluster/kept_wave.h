// A wave whose samples stay on the hosts that made them: its figures are found out by questions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/by_rank.h"
#include "cluster/job.h"
#include "cluster/wave_json.h"
#include "harness/process/stop_signal.h"
#include "harness/record/recorder.h"

namespace connbench::cluster {

/// What is known of such a wave before anybody is asked.
struct WaveAtHosts {
  /// One host's part.
  struct Part {
    int32_t rank = 0;
    size_t attempts = 0;    ///< that it was to make
    int64_t offset_ns = 0;  ///< of its clock
    bool here = false;      ///< it has given a result, and answers
  };
  uint64_t wave = 0;  ///< as ClusterSite counts them
  std::vector<Part> parts{};
  std::vector<size_t> of_targets{};  ///< how many attempts each target of a fleet has; empty = no fleet
  std::vector<double> quantiles{};   ///< all that will be asked for
  bool by_time = false;              ///< attempts that were never offered were never wanted
  bool rows = false;                 ///< the hosts keep rows of samples.csv
};

class KeptWave final : public DistantWave {
 public:
  KeptWave(Job& job, StopSignal& stop, WaveAtHosts wave) : job_(job), stop_(stop), wave_(std::move(wave)) {}

  /// Finds out everything but the rows. A host that is lost meanwhile, or gives no answer, takes no part: has() says
  /// so.
  void gather();
  bool has(size_t part) const { return wave_.parts.at(part).here; }

  RowAttempts all() override { return attempts(0); }
  RowAttempts of_host(size_t host) override { return attempts(of_hosts_.at(host)); }
  RowAttempts of_target(size_t target) override { return attempts(target + 1); }
  size_t append_samples(std::string_view run_id, int64_t origin_ns) override;

 private:
  using Quantiles = std::vector<std::optional<int64_t>>;  // as in WaveAtHosts::quantiles
  struct Found {
    Tally tally;
    size_t never_offered = 0;
    std::array<Quantiles, figure_count> quantiles{};
  };

  std::vector<Json> ask(const std::function<Json(const WaveAtHosts::Part&)>& order, Duration patience);
  std::vector<Json> answers(const std::string& is, TimePoint deadline);
  bool find_all(const std::vector<Json>& figures);
  std::array<Spread, figure_count> add_up(size_t group, const std::vector<Json>& figures);
  Found of_part(size_t part, const Json& figures) const;
  size_t hosts_here() const;
  std::vector<size_t> count_up_to(const std::vector<Question>& questions);
  RowAttempts attempts(size_t group) const { return attempts(found_.at(group)); }
  RowAttempts attempts(const Found& found) const;
  size_t largest_part() const;

  Job& job_;
  StopSignal& stop_;
  WaveAtHosts wave_;
  std::vector<Found> found_;     // of the whole wave, then of each target
  std::vector<Found> of_hosts_;  // of the whole wave, by part
};

}  // namespace connbench::cluster
