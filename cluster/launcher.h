// The process that starts the ranks of a job: mpirun, srun, or whatever the user gave.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cluster/frame.h"
#include "harness/process/child_process.h"
#include "harness/support/clock.h"

namespace connbench::cluster {

/// Runs in a session of its own, so that Ctrl-C is this program's alone, and is asked to end when this program dies.
/// Its standard streams are those of rank 0.
class Launcher {
 public:
  /// @throws std::system_error
  explicit Launcher(const std::vector<std::string>& command);
  FrameStream& stream() noexcept { return stream_; }
  /// Whether it has ended.
  bool has_ended() const noexcept { return status_.has_value() || process_.ended_within({}); }
  /// Waits for its end. After `patience` it is asked to end; after some seconds more, it is killed.
  /// @return how it ended: "ended with status 0"
  std::string end(Duration patience);
  /// What it and the ranks wrote to stderr.
  std::string log() const;

 private:
  struct Started {
    pid_t pid;
    UniqueFd in, out, log;
  };
  static Started start(const std::vector<std::string>& command);
  explicit Launcher(Started started);

  ChildProcess process_;
  FrameStream stream_;
  UniqueFd log_;
  std::optional<int> status_{};
};

}  // namespace connbench::cluster
