// The states of TCP sockets, as the kernel's socket diagnostics (netlink, inet_diag) tell them to anybody.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "harness/support/unique_fd.h"
#include "harness/trace/events.h"

namespace connbench::trace {

/// Asks about one network namespace: that in which it was made.
class SocketDiagnostics {
 public:
  /// @throws std::system_error
  SocketDiagnostics();

  /// The state of the socket with these two ends: TCP_SYN_SENT …; TCP_LISTEN when there is none, but one that would
  /// take the connection; 0 when there is neither.
  int state(const Endpoint& local, const Endpoint& remote) const;

  /// The sockets that are connected, or connecting, to one of `servers`. Looks through the kernel's whole table: a
  /// fraction of a millisecond, where state() takes microseconds.
  std::vector<Connection> find(std::span<const Endpoint> servers) const;

 private:
  void find(sa_family_t family, std::span<const Endpoint> servers, std::vector<Connection>& found) const;

  UniqueFd socket_;
};

/// Watches both ends of connections, and keeps what changes.
class StateWatch {
 public:
  /// `client`, `server`: of the namespaces of both sides. A server on loopback is looked for on the client's.
  StateWatch(SocketDiagnostics client, SocketDiagnostics server, std::vector<Endpoint> servers)
      : client_(std::move(client)), server_(std::move(server)), servers_(std::move(servers)) {}

  /// What there is already is somebody else's: of a target that keeps its own queue full.
  void ignore_existing() { foreign_ = client_.find(servers_); }
  /// From now on this one is watched. One that is watched already, or leads elsewhere, is left out.
  void add(const Connection& connection);
  /// Looks for connections that nobody has told of.
  void discover();
  /// Looks at all that may still change.
  void look();
  /// Both ends are gone, or the client's is in TIME_WAIT and the server's gone (`closed`: gone as well).
  bool settled(bool closed) const noexcept;

  const std::vector<Connection>& connections() const noexcept { return connections_; }
  const std::vector<Connection>& foreign() const noexcept { return foreign_; }
  const std::vector<StateSeen>& seen() const noexcept { return seen_; }
  const std::vector<int64_t>& looks() const noexcept { return looks_; }

 private:
  struct Ends {
    int client = -1;  // -1 = not looked at yet
    int server = -1;
    bool client_was = false;  // there has been such a socket
    bool server_was = false;
    int64_t looked_ns = 0;
  };
  void look_at(size_t index);
  void note(size_t index, Side side, int& before, bool& was, int state, int64_t not_before);

  SocketDiagnostics client_;
  SocketDiagnostics server_;
  std::vector<Endpoint> servers_;
  std::vector<Connection> foreign_;
  std::vector<Connection> connections_;
  std::vector<Ends> ends_;
  std::vector<StateSeen> seen_;
  std::vector<int64_t> looks_;
};

/// Puts what was seen into a trace, with notes on what had not come to its end, and how long TIME_WAIT lasted.
void add_states(Trace& trace, const StateWatch& watch);

}  // namespace connbench::trace
