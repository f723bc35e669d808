// The lab: a network of its own for one run, with a link that delays, loses and answers by rule.
#pragma once

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

/// What may be asked of a lab.
struct Options {
  std::vector<Sysctl> sysctls{};      ///< set in the client's and the server's namespace
  std::optional<std::string> pcap{};  ///< file that gets every packet of both sides; nothing = no capture
  std::vector<int> cpus{};            ///< processors of the link; empty = any
  uint64_t seed = 0;                  ///< of random loss and jitter
  size_t fail_at = SIZE_MAX;          ///< for tests: the step of the network that is to fail
};

/// Its processes end with it, and with the process that made it.
class Lab {
 public:
  /// In a capsule, with one thread. Afterwards this process is in the client's namespace.
  /// @throws Unavailable; std::invalid_argument for a sysctl
  Lab(const Options& options, Rights rights);
  ~Lab();
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  /// A block of far addresses that nobody else has, under a rule; children of this process may ask too. @throws
  /// std::system_error when all are in use
  Block add_far(const LinkRule& rule);

  /// While it lives, this process is in the server's namespace: for sockets that are to listen there.
  Visit visit_server() const { return Visit(network_.server, network_.client); }

  bool has_ipv6() const noexcept { return network_.ipv6; }
  Rights rights() const noexcept { return rights_; }
  const std::vector<Sysctl>& sysctls() const noexcept { return sysctls_; }

  /// A process without which nothing here can be believed, and what to call it.
  struct Watched {
    pid_t pid;
    const char* name;
  };
  std::vector<Watched> watched() const;
  const LinkReport& link_report() const noexcept;
  /// nullptr = none was asked for.
  const CaptureState* capture_state() const noexcept;
  /// Ends the capture when everything seen so far is in its file; nothing when there is none.
  /// @throws std::runtime_error when it could not write it
  void finish_capture();

 private:
  struct State;

  void start_capture(const std::string& file);

  std::unique_ptr<Shared<State>> shared_;
  Network network_;
  Rights rights_;
  std::vector<Sysctl> sysctls_;
  bool captures_;
  std::optional<ServerProcess> link_;
  std::optional<ServerProcess> capture_;
};

/// Runs `inside` in a lab, as run_in_capsule() does. @throws what that and the lab throw
int run_in_lab(const Options& options, const std::function<int(Lab&)>& inside);

/// Why no lab can be made here, and what to do about it; nullopt when one can: it was, and is gone again.
std::optional<std::string> why_no_lab();

}  // namespace connbench::lab
