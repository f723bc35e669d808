#include "harness/trace/follow.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "harness/process/child_process.h"
#include "harness/support/units.h"
#include "harness/trace/child_signal.h"
#include "harness/trace/packet_parser.h"
#include "harness/trace/packets.h"
#include "harness/trace/socket_states.h"
#include "harness/trace/syscall_tracer.h"
#include "harness/trace/traced_child.h"

namespace connbench::trace {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration between_looks = std::chrono::microseconds(50);
constexpr Duration between_discoveries = milliseconds(1);  // each reads the kernel's whole socket table
constexpr Duration quiet = milliseconds(100);              // without a state change, nothing more is expected
constexpr Duration longest_report = seconds(10);           // of a program that has ended
constexpr Duration last_packets = seconds(3);              // maximum wait after the client has ended
// TIME_WAIT lasts 60 s (TCP_TIMEWAIT_LEN, a kernel constant); before it, a lost FIN may be retransmitted.
constexpr Duration until_closed_limit = seconds(90);

// The offset of CLOCK_REALTIME, which stamps packets, from CLOCK_MONOTONIC: taken from the closest of several readings.
int64_t realtime_offset() {
  int64_t offset = 0;
  int64_t closest = std::numeric_limits<int64_t>::max();
  for (int i = 0; i < 16; ++i) {
    timespec real{};
    const int64_t before = to_ns(now());
    ::clock_gettime(CLOCK_REALTIME, &real);
    const int64_t after = to_ns(now());
    if (after - before >= closest) continue;
    closest = after - before;
    offset = int64_t{real.tv_sec} * 1'000'000'000 + real.tv_nsec - (before + after) / 2;
  }
  return offset;
}

// Follows the child's system calls and its sockets while it makes its attempts.
class Follower {
 public:
  Follower(const FollowRequest& request, lab::Lab& lab, StopSignal& stop)
      : request_(request),
        lab_(lab),
        stop_(stop),
        target_(request.open_target(lab)),
        states_(SocketDiagnostics(), server_diagnostics(lab),
                {target_->endpoints().begin(), target_->endpoints().end()}),
        child_(request.client, *target_, lab.rights() == lab::Rights::user_space, child_signal_.before()) {
    ::prctl(PR_SET_TIMERSLACK, 1);
  }

  Trace run() {
    trace_.connector = request_.client.name;
    trace_.target = request_.target_name;
    trace_.rights = lab_.rights() == lab::Rights::machine ? "machine" : "user namespace";
    follow_calls();
    follow_states();
    lab_.finish_capture();
    take_client();
    add_states(trace_, states_);
    take_packets();
    return std::move(trace_);
  }

 private:
  static SocketDiagnostics server_diagnostics(lab::Lab& lab) {
    const auto there = lab.visit_server();
    return {};
  }

  SyscallTracer attach(pid_t pid) {
    try {
      return {pid, [this] { return child_.is_recording(); },
              [this](const SyscallTracer::Returned& returned) { on_return(returned); }};
    } catch (const std::system_error& error) {
      throw lab::Unavailable(
          fmt::format("the client cannot be followed: {}. In a container, allow ptrace (docker run "
                      "--cap-add SYS_PTRACE)",
                      error.what()));
    }
  }

  // The process to follow: the child, or the one that its client has made and that waits to be followed.
  pid_t followed() {
    if (!request_.client.elsewhere) return child_.pid();
    child_.go();
    while (child_.other() == 0 && !child_.over() && stop_.pending() == 0) child_signal_.wait(between_looks);
    return child_.other();
  }

  void follow_calls() {
    const pid_t pid = followed();
    if (pid == 0) return end_child();
    pid_ = pid;
    pidfd_ = pidfd_of(pid);
    SyscallTracer tracer = attach(pid);
    states_.ignore_existing();
    begun_ns_ = to_ns(now());
    child_.go();
    tracer.start();
    child_.follows_other();
    const TimePoint end = now() + request_.client.limit;
    for (tracer.step(); !tracer.over(); tracer.step()) {
      if (stop_.pending() != 0) cut_short("cut short by a signal");
      if (now() > end) cut_short(why_killed());
      if (child_.is_recording()) {
        if (tracer.is_inside("connect") || tracer.is_inside("io_uring_enter")) discover();
        states_.look();
      }
      child_signal_.wait(between_looks);
    }
    request_.client.elsewhere ? end_child() : child_.ended();
    trace_.calls = std::move(tracer.calls());
    trace_.signals = std::move(tracer.signals());
  }

  // A client that has another process followed still reads what that one reports.
  void end_child() {
    if (stop_.pending() != 0) cut_short("cut short by a signal");
    const TimePoint end = now() + longest_report;
    while (!child_.over() && now() < end) child_signal_.wait(between_looks);
    child_.kill();
    child_.wait();
  }

  // Connections usually become known when connect() returns. While it blocks, or with a ring, they must be searched
  // for.
  void discover() {
    const TimePoint time = now();
    if (time <= next_discovery_) return;
    states_.discover();
    next_discovery_ = time + between_discoveries;
  }

  std::string why_killed() const {
    const std::string& why = request_.client.why_no_end;
    return fmt::format("the client did not end by itself{}{}: it was killed", why.empty() ? "" : ", for ", why);
  }

  void cut_short(const std::string& why) {
    if (cut_short_) return;
    cut_short_ = true;
    trace_.notes.push_back(why);
    child_.kill();
  }

  // The thread is stopped, so the state seen now is the one in which the call left its socket.
  void on_return(const SyscallTracer::Returned& returned) {
    if (returned.number == SYS_connect) {
      const auto server =
          read_endpoint(returned.memory, returned.arguments[1], static_cast<size_t>(returned.arguments[2]));
      if (server) learn(returned.tid, static_cast<int>(returned.arguments[0]), *server);
    }
    if (returned.number == SYS_io_uring_enter) {
      trace_.uses_io_uring = true;
      states_.discover();
    }
    if (returned.shown) states_.look();
  }

  // Gets the client's endpoint from a copy of its socket. The copy must be closed before the client continues.
  void learn(pid_t tid, int fd, const Endpoint& server) {
    const bool of_followed = ::access(fmt::format("/proc/{}/task/{}", pid_, tid).c_str(), F_OK) == 0;
    // In a process that the client has forked, the number means another socket.
    const UniqueFd forked(of_followed ? -1 : static_cast<int>(::syscall(SYS_pidfd_open, tid, 0)));
    const UniqueFd& process = of_followed ? pidfd_ : forked;
    const UniqueFd copy(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), fd, 0)));
    if (!copy) return states_.discover();
    const Endpoint own = Endpoint::of_socket(copy.get());
    if (own.port() != 0 && own.family() == server.family()) states_.add({own, server});
  }

  // Polls the states until both ends have settled, so that the trace shows FIN, LAST_ACK, TIME_WAIT …
  void follow_states() {
    const TimePoint begun = now();
    const TimePoint end = begun + (request_.until_closed ? until_closed_limit : last_packets);
    TimePoint reported = begun;
    size_t seen = states_.seen().size();
    TimePoint rest = begun + quiet;
    while (stop_.pending() == 0 && now() < end && !(now() > rest && states_.settled(request_.until_closed))) {
      states_.look();
      if (states_.seen().size() != seen) rest = now() + quiet;
      seen = states_.seen().size();
      const bool long_wait = now() - begun > seconds(1);
      if (long_wait && now() - reported > seconds(1)) {
        reported = now();
        request_.waiting(fmt::format("waiting for both ends to close: {:.0f} s of at most {:.0f} s",
                                     std::chrono::duration<double>(reported - begun).count(),
                                     std::chrono::duration<double>(end - begun).count()));
      }
      child_signal_.wait(long_wait ? Duration(milliseconds(1)) : between_looks);
    }
    request_.waiting("");
    if (stop_.pending() != 0) cut_short("cut short by a signal");
  }

  void take_client() {
    for (const Sample& sample : child_.samples()) {
      const bool done = sample.state == Sample::State::done;
      const Outcome without = sample.state == Sample::State::submitted ? Outcome::cancelled : Outcome::never_started;
      trace_.attempts.push_back({.started_ns = sample.started_ns,
                                 .finished_ns = done ? sample.finished_ns : 0,
                                 .outcome = done ? sample.outcome : without,
                                 .stage = sample.stage,
                                 .error = sample.os_error});
    }
    if (const std::string error = child_.error(); !error.empty()) {
      trace_.client_failed = true;
      trace_.notes.push_back("the client failed: " + error);
    }
    if (const std::string message = child_.message(); !message.empty())
      trace_.notes.push_back("the client says: " + message);
  }

  void take_packets() {
    const int64_t offset_after = realtime_offset();
    Capture capture = read_capture(request_.capture_file);
    for (Packet& packet : capture.packets) packet.time_ns -= offset_;
    capture.others +=
        std::erase_if(capture.packets, [this](const Packet& packet) { return packet.time_ns < begun_ns_; });
    const std::span<const Endpoint> servers = target_->endpoints();
    trace_.other_packets =
        capture.others + relate_packets(capture.packets, trace_.connections, servers, states_.foreign());
    trace_.packets = std::move(capture.packets);
    constexpr int64_t a_lot = 100'000;
    if (std::abs(offset_after - offset_) > a_lot)
      trace_.notes.push_back(
          fmt::format("the time of day moved by {} during the trace: the times of packets and calls agree only to that",
                      human_readable(Duration(std::abs(offset_after - offset_)))));
    if (const uint64_t drops = lab_.capture_state()->drops; drops > 0)
      trace_.notes.push_back(fmt::format("the capture missed {} packets", drops));
  }

  const FollowRequest& request_;
  lab::Lab& lab_;
  StopSignal& stop_;
  Trace trace_;
  int64_t offset_ = realtime_offset();
  ChildSignal child_signal_;
  std::unique_ptr<Target> target_;
  StateWatch states_;
  TracedChild child_;
  pid_t pid_ = 0;  // of the process that is followed
  UniqueFd pidfd_{-1};
  int64_t begun_ns_ = 0;  // packets captured earlier belong to the target
  TimePoint next_discovery_{};
  bool cut_short_ = false;
};

}  // namespace

Trace follow(const FollowRequest& request, lab::Lab& lab, StopSignal& stop) {
  return Follower(request, lab, stop).run();
}

}  // namespace connbench::trace
