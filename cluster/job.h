// A job of the cluster, from the side of the conductor: the process that plans the run and writes its records. It has
// no MPI, and no patience without a limit.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cluster/frame.h"
#include "cluster/launcher.h"
#include "cluster/wave_json.h"
#include "harness/support/clock.h"

namespace connbench::cluster {

/// The job could not begin on every host that was asked for: nothing is measured on fewer.
struct HostMissing : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// One rank's host.
struct Host {
  int32_t rank = 0;
  std::string name{};  ///< as the user gave it, or else its own
  Json hello{};        ///< what its worker says of it
};

/// A rank that takes no part any more.
struct Loss {
  int32_t rank;
  std::string host;
  std::string why;
  bool with_job = false;  ///< the whole job ended: that says nothing about this host
};

class Job {
 public:
  /// Starts the launcher. @param should_stop asked every 100 ms while the job is waited for
  Job(const std::vector<std::string>& command, std::function<bool()> should_stop);
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  /// Waits until the worker of every rank has said hello. @param ranks how many there must be; nullopt = as many as the
  /// launcher starts. @throws HostMissing, with what the launcher said
  void await_hosts(std::optional<size_t> ranks);
  const std::vector<Host>& hosts() const noexcept { return hosts_; }
  const Host& host(int32_t rank) const { return hosts_.at(static_cast<size_t>(rank)); }
  const std::vector<Loss>& lost() const noexcept { return lost_; }
  bool is_lost(int32_t rank) const { return lost_ranks_.contains(rank); }

  void tell(int32_t rank, const Json& message);
  /// What a worker says next; nullopt when `until` has passed, when should_stop() says so, or when a rank was lost.
  std::optional<std::pair<int32_t, Json>> next(TimePoint until);
  /// The same without should_stop(): for what is still to come once everybody was told to stop.
  std::optional<std::pair<int32_t, Json>> next_of_the_last(TimePoint until);
  /// Waits for an answer of `rank`, and keeps those of others for later. @throws HostMissing with the reason when there
  /// is none, or when a worker has failed
  Json answer(int32_t rank, Duration patience);

  /// Compares the clocks of these ranks with that of rank 0. @return a reading for each; those of lost ranks are
  /// unknown
  std::vector<ClockReading> measure_clocks(const std::vector<int32_t>& ranks);
  /// Every rank begins what it is ready for after `lead`. Returns at once.
  void begin(Duration lead);

  /// Ends the job on all hosts. @return how the launcher ended
  std::string end();
  std::string log() const { return launcher_.log(); }
  /// What the launcher and the ranks have written to stderr, on one line; "" = nothing.
  std::string last_words() const;

 private:
  std::optional<Frame> next_frame(TimePoint until, const std::function<bool()>& should_stop);
  void send(const Frame& frame);
  void lose(int32_t rank, std::string why);
  void lose_all(const std::string& why);
  std::string missing_hosts(size_t ranks) const;
  std::optional<Json> early_answer(int32_t rank);

  std::function<bool()> should_stop_;
  Launcher launcher_;
  std::vector<Host> hosts_;
  std::vector<Loss> lost_;
  std::set<int32_t> lost_ranks_;
  std::vector<std::pair<int32_t, Json>> early_;  // answers that were not waited for yet
  std::optional<size_t> ranks_;                  // of the job, as rank 0 says
  bool over_ = false;                            // rank 0, or the launcher
};

}  // namespace connbench::cluster
