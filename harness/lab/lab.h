// The lab: a private network for one run, with a link that delays, drops and answers packets by rules.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/lab/addresses.h"
#include "harness/lab/capsule.h"
#include "harness/lab/capture.h"
#include "harness/lab/link/rule.h"
#include "harness/lab/network.h"
#include "harness/process/server_process.h"
#include "harness/process/shared.h"

namespace connbench::lab {

/// How to set up a lab.
struct Options {
  std::vector<Sysctl> sysctls{};  ///< set in the client's and the server's namespace
  bool capture = false;           ///< packets that nobody answers can be captured too; start_capture() begins
  std::vector<int> cpus{};        ///< CPUs for the link's process; empty = any
  uint64_t seed = 0;              ///< seed for random loss and jitter
  size_t fail_at = SIZE_MAX;      ///< for tests: fail at this step of building the network
};

/// The lab's processes end when this object is destroyed or the process that created it dies.
class Lab {
 public:
  /// Call this inside a capsule, with a single thread. Afterwards this process is in the client's namespace.
  /// @throws Unavailable; std::invalid_argument for a bad sysctl
  Lab(const Options& options, Rights rights);
  ~Lab();
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  /// Allocates a block of far addresses and sets its rule. Child processes may call this too.
  /// @throws std::system_error when all blocks are in use
  Block add_far(const LinkRule& rule);

  /// While the result lives, this process is in the server's namespace, for example to create listening sockets there.
  Visit visit_server() const { return Visit(network_.server, network_.client); }

  bool has_ipv6() const noexcept { return network_.ipv6; }
  Rights rights() const noexcept { return rights_; }
  const std::vector<Sysctl>& sysctls() const noexcept { return sysctls_; }

  /// A process that the lab depends on: when it dies, no result can be trusted.
  struct Watched {
    pid_t pid;
    const char* name;  ///< for messages: "the lab's link"
  };
  std::vector<Watched> watched() const;
  const LinkReport& link_report() const noexcept;
  /// nullptr when no capture was started.
  const CaptureState* capture_state() const noexcept;
  /// Captures every packet of both sides from now on, into a file that is open for writing. Call it once, with a single
  /// thread. @throws Unavailable, std::runtime_error
  void start_capture(int file);
  /// Ends the capture once every packet seen so far is in its file. Does nothing when there is no capture.
  /// @param should_stop asked meanwhile. When it is true, the file gets half a second more: it may be a pipe that
  /// nobody reads. @throws std::runtime_error when the file could not be written, or not to its end
  void finish_capture(const std::function<bool()>& should_stop = [] { return false; });

 private:
  struct State;

  std::unique_ptr<Shared<State>> shared_;
  Network network_;
  Rights rights_;
  std::vector<Sysctl> sysctls_;
  std::optional<ServerProcess> link_;
  std::optional<ServerProcess> capture_;
  bool captures_ = false;
};

/// Runs `inside` in a lab, inside a capsule. @throws whatever run_in_capsule() and Lab() throw
int run_in_lab(const Options& options, const std::function<int(Lab&)>& inside);

/// Why no lab can be created here and how to fix that; nullopt when it can. Creates a lab to find out, and removes it.
std::optional<std::string> why_no_lab();

}  // namespace connbench::lab
