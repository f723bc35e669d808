// Reads the states of TCP sockets from the kernel's socket diagnostics (netlink, inet_diag), which any user may query.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "harness/support/unique_fd.h"
#include "harness/trace/events.h"

namespace connbench::trace {

/// Queries the network namespace in which it was created.
class SocketDiagnostics {
 public:
  /// @throws std::system_error
  SocketDiagnostics();

  /// The state of the socket with these two endpoints: TCP_SYN_SENT …; TCP_LISTEN when only a listener that would
  /// accept the connection exists; 0 when there is neither.
  int state(const Endpoint& local, const Endpoint& remote) const;

  /// The sockets connected or connecting to one of `servers`. Reads the kernel's whole table, which takes a fraction of
  /// a millisecond; state() takes microseconds.
  std::vector<Connection> find(std::span<const Endpoint> servers) const;

 private:
  void find(sa_family_t family, std::span<const Endpoint> servers, std::vector<Connection>& found) const;

  UniqueFd socket_;
};

/// Polls both ends of connections and records changes.
class StateWatch {
 public:
  /// `client` and `server` query the namespaces of the two sides. A server on loopback is looked up on the client's
  /// side.
  StateWatch(SocketDiagnostics client, SocketDiagnostics server, std::vector<Endpoint> servers)
      : client_(std::move(client)), server_(std::move(server)), servers_(std::move(servers)) {}

  /// Ignores the connections that exist now: they belong to the target, such as the ones that keep its queue full.
  void ignore_existing() { foreign_ = client_.find(servers_); }
  /// Starts watching a connection, unless it is watched already or leads to another server.
  void add(const Connection& connection);
  /// Searches for connections that no system call has revealed.
  void discover();
  /// Polls every connection that may still change.
  void look();
  /// Whether both ends are gone. Without `closed`, an end in TIME_WAIT counts as gone.
  bool settled(bool closed) const noexcept;

  const std::vector<Connection>& connections() const noexcept { return connections_; }
  const std::vector<Connection>& foreign() const noexcept { return foreign_; }
  const std::vector<StateSeen>& seen() const noexcept { return seen_; }
  const std::vector<int64_t>& looks() const noexcept { return looks_; }

 private:
  struct Ends {
    int client = -1;  // -1 = not polled yet
    int server = -1;
    bool client_existed = false;  // a socket has existed
    bool server_existed = false;
    int64_t looked_ns = 0;
  };
  void look_at(size_t index);
  void note(size_t index, Side side, int& before, bool& existed, int state, int64_t not_before);

  SocketDiagnostics client_;
  SocketDiagnostics server_;
  std::vector<Endpoint> servers_;
  std::vector<Connection> foreign_;
  std::vector<Connection> connections_;
  std::vector<Ends> ends_;
  std::vector<StateSeen> seen_;
  std::vector<int64_t> looks_;
};

/// Adds the states to a trace, with notes about connections that were still open and about how long TIME_WAIT lasted.
void add_states(Trace& trace, const StateWatch& watch);

}  // namespace connbench::trace
