// S21: the states that both ends of a connection pass through.
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

#include "harness/machine/machine.h"
#include "harness/support/joined.h"
#include "harness/support/kernel_names.h"
#include "harness/support/units.h"
#include "probe/probe.h"
#include "probe/surroundings.h"
#include "probe/tcp_states.h"
#include "probe/words.h"

namespace connbench::probes {
namespace {

using namespace probe;
using namespace std::chrono_literals;

using States = std::vector<std::string>;

// Polls both ends of a connection and records every state it sees.
class BothEnds {
 public:
  BothEnds(Surroundings& here, const Listener& listener, uint16_t client_port)
      : lab_(here.lab()), server_port_(listener.at.port()), client_port_(client_port) {}

  /// Polls until both ends have reached these states; returns false when they have not within `patience`.
  bool reach(const std::string& client, const std::string& server) {
    const TimePoint end = now() + patience;
    do {
      look();
      if (client_.back() == client && server_.back() == server) return true;
      sleep_until(now() + 2ms);
    } while (now() < end);
    return false;
  }
  /// Polls until both ends are at rest; returns false when they are not within `patience`.
  bool settle() {
    const auto at_rest = [](const std::string& state) { return state == "TIME_WAIT" || state == "CLOSED"; };
    const TimePoint end = now() + patience;
    do {
      look();
      if (at_rest(client_.back()) && at_rest(server_.back())) return true;
      sleep_until(now() + 2ms);
    } while (now() < end);
    return false;
  }
  const States& client() const { return client_; }
  const States& server() const { return server_; }
  /// The remaining time of TIME_WAIT at the client; 0 = it is in another state.
  Duration time_wait() const {
    for (const ListedSocket& socket : sockets_at_port(client_port_))
      if (socket.state == TCP_TIME_WAIT) return socket.expires;
    return {};
  }

 private:
  static std::string state_of(uint16_t local, uint16_t remote) {
    for (const ListedSocket& socket : sockets_at_port(local))
      if (socket.remote_port == remote) return tcp_state_name(socket.state);
    return "CLOSED";
  }
  void look() {
    note(client_, state_of(client_port_, server_port_));
    const auto there = lab_.visit_server();
    note(server_, state_of(server_port_, client_port_));
  }
  static void note(States& states, const std::string& state) {
    if (states.empty() || states.back() != state) states.push_back(state);
  }

  lab::Lab& lab_;
  uint16_t server_port_;
  uint16_t client_port_;
  States client_{};
  States server_{};
};

// Whether the states in `seen` occur in `path` in this order. A state that ended between two polls is missing without
// contradicting the path.
bool follows(const States& seen, const States& path) {
  auto at = path.begin();
  for (const std::string& state : seen) {
    at = std::find(at, path.end(), state);
    if (at == path.end()) return false;
    ++at;
  }
  return true;
}

void report_states(Finding& finding, const char* what, const States& seen, const States& path) {
  finding.saw("{}: {}{}", what, joined(seen, ", "), seen == path ? "" : " (the others ended before they were seen)");
}

constexpr auto round_trip = 400ms;  // each state lasts long enough to be seen

// One side closes, and then the other.
bool close_in_turn(Finding& finding, Surroundings& here, const Listener& far) {
  UniqueFd client = tcp_socket(SOCK_NONBLOCK);
  ::connect(client.get(), far.at.address(), far.at.size());
  BothEnds ends(here, far, Endpoint::of_socket(client.get()).port());
  bool all = ends.reach("ESTABLISHED", "ESTABLISHED");
  UniqueFd server(checked(::accept(far.fd.get(), nullptr, nullptr), "accept"));
  client.reset(-1);  // close()
  all = all && ends.reach("FIN_WAIT2", "CLOSE_WAIT");
  server.reset(-1);
  all = all && ends.reach("TIME_WAIT", "CLOSED");
  const Duration time_wait = ends.time_wait();

  const States clients{"SYN_SENT", "ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT"};
  const States servers{"CLOSED", "SYN_RECV", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK", "CLOSED"};
  report_states(finding, "the client closes, then the server. Client", ends.client(), clients);
  report_states(finding, "Server", ends.server(), servers);
  finding.saw(
      "TIME_WAIT: {} remaining, by its timer in /proc/net/tcp. On Linux it lasts 60 s, twice an MSL of 30 s, "
      "whatever tcp_fin_timeout ({}) is",
      human_readable(time_wait), sysctl("net.ipv4.tcp_fin_timeout").value_or("unknown"));
  return all && follows(ends.client(), clients) && follows(ends.server(), servers) && time_wait > 30s &&
         time_wait <= 60s + 500ms;
}

// Both ends close before either has received the other's FIN, so that both end in TIME_WAIT. Returns false when that
// was not seen because this process was too slow.
bool close_together(Finding& finding, Surroundings& here, const Listener& far) {
  UniqueFd client = tcp_socket();
  checked(::connect(client.get(), far.at.address(), far.at.size()), "connect");
  UniqueFd server(checked(::accept(far.fd.get(), nullptr, nullptr), "accept"));
  BothEnds ends(here, far, Endpoint::of_socket(client.get()).port());
  if (!ends.reach("ESTABLISHED", "ESTABLISHED")) return false;
  client.reset(-1);
  server.reset(-1);
  if (!ends.settle()) return false;
  const States path{"ESTABLISHED", "FIN_WAIT1", "CLOSING", "TIME_WAIT"};
  if (ends.client() != path || ends.server() != path) return false;
  report_states(finding, "both close at once. Client", ends.client(), path);
  report_states(finding, "Server", ends.server(), path);
  return true;
}

Finding the_states_of_both_ends(Surroundings& here) {
  Finding finding;
  const Listener far = here.far_listener({.delay = round_trip / 2});
  const bool in_turn = close_in_turn(finding, here, far);
  if (!close_together(finding, here, far) && !close_together(finding, here, far))
    finding.saw("both close at once: CLOSING was not seen in two tries (this machine is busy)");
  finding.verdict = in_turn ? Verdict::confirmed : Verdict::refuted;
  return finding;
}

}  // namespace

extern const Entry S21;
const Entry S21{
    .id = "S21",
    .sentence =
        "Both ends pass through the states of TCP's diagram, and the end that closes first stays in TIME_WAIT for 2 "
        "MSL.",
    .source = "probe/states.cpp",
    .needs_lab = true,
    .run = the_states_of_both_ends,
};

}  // namespace connbench::probes
