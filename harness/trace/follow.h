// Traces a client's attempts on three timelines: its system calls (ptrace), the packets (the lab's capture), and the
// states of both ends (socket diagnostics).
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "harness/connector/registry.h"
#include "harness/lab/lab.h"
#include "harness/process/stop_signal.h"
#include "harness/targets/target.h"
#include "harness/trace/events.h"
#include "harness/wave/sample.h"

namespace connbench::trace {

/// What a client receives in its child process.
struct ClientContext {
  const Target& target;
  std::span<Sample> samples;     ///< one per attempt
  std::atomic<bool>& recording;  ///< only calls made while it is set are recorded
  std::span<char> message;       ///< zeroed room for a text that becomes a note
  /// Of a client in a process of its own: tells which one, a child of this one that comes to lead its process group and
  /// then waits. Returns when that one is followed.
  std::function<void(pid_t)> follow_instead{};
};

/// A client to trace, in a child process.
struct Client {
  std::string name;
  size_t attempts = 1;
  Duration limit{};  ///< for all attempts; then it is killed
  std::function<void(const ClientContext&)> run;
  std::string why_no_end{};  ///< why it may never end by itself; "" = it ends
  bool elsewhere = false;    ///< it calls follow_instead()
};

/// A client that makes a connector's attempts one after the other. Of a program, the program itself is followed.
Client connecting_client(const NamedConnector& connector, size_t attempts, Duration timeout, CloseMode close);

struct FollowRequest {
  Client client;
  std::string target_name;
  std::function<std::unique_ptr<Target>(lab::Lab&)> open_target;
  std::string capture_file;                         ///< the file that the lab captures into
  bool until_closed = false;                        ///< also wait for the end of TIME_WAIT
  std::function<void(const std::string&)> waiting;  ///< called once a second with what is being waited for; "" = done
};

/// Call this in the lab, while the process has a single thread. A signal ends the trace early; what was seen until then
/// is kept.
/// @throws lab::Unavailable when ptrace is refused; std::system_error; std::runtime_error when the capture failed
Trace follow(const FollowRequest& request, lab::Lab& lab, StopSignal& stop);

}  // namespace connbench::trace
