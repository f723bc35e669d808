// Follows a client's attempts on three lines of time: its calls (ptrace), the packets (the lab's capture), the states
// of both ends (socket diagnostics).
#pragma once

#include <atomic>
#include <functional>
#include <span>
#include <string>

#include "harness/connector/registry.h"
#include "harness/lab/lab.h"
#include "harness/process/stop_signal.h"
#include "harness/targets/target.h"
#include "harness/trace/events.h"
#include "harness/wave/sample.h"

namespace connbench::trace {

/// What a client in its child is given.
struct ClientContext {
  const Target& target;
  std::span<Sample> samples;     ///< one an attempt
  std::atomic<bool>& recording;  ///< calls made while it is set are kept
  std::span<char> said;          ///< room for words that are to become a note; zeros
};

/// A client that is to be followed, in a child of its own.
struct Client {
  std::string name;
  size_t attempts = 1;
  Duration limit{};  ///< of all of them: then it is killed
  std::function<void(const ClientContext&)> run;
  std::string why_no_end{};  ///< why it may not end by itself, "" = it does
};

/// A connector that makes its attempts one after the other.
Client connecting_client(const NamedConnector& connector, size_t attempts, Duration timeout, CloseMode close);

struct FollowRequest {
  Client client;
  std::string target_name;
  std::function<std::unique_ptr<Target>(lab::Lab&)> open_target;
  std::string capture_file;                         ///< as the lab was given it
  bool until_closed = false;                        ///< wait for the end of TIME_WAIT too
  std::function<void(const std::string&)> waiting;  ///< told once a second what is waited for; "" = it is over
};

/// To be called in the lab, while there is one thread. A signal ends it early: what was seen until then is in the
/// trace.
/// @throws lab::Unavailable when ptrace is refused; std::system_error; std::runtime_error for a capture that failed
Trace follow(const FollowRequest& request, lab::Lab& lab, StopSignal& stop);

}  // namespace connbench::trace
