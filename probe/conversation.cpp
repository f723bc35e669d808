// S20, S21: a whole connection, as the wire sees it and as the states of both ends tell it.
#include <fmt/ranges.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

#include "harness/machine.h"
#include "harness/units.h"
#include "probe/probe.h"
#include "probe/surroundings.h"
#include "probe/tcp_states.h"
#include "probe/wire.h"
#include "probe/words.h"

namespace connbench::probes_table {
namespace {

using namespace probe;
using namespace std::chrono_literals;

// Until the wire has been quiet for a while, or has seen `count`.
const std::vector<Seen>& settled(Wire& wire, size_t count) {
  const TimePoint end = now() + 2s;
  while (wire.seen().size() < count && now() < end) sleep_until(now() + 5ms);
  sleep_until(now() + 100ms);  // one too many would be seen too
  return wire.seen();
}

// The source's client and server: connect, read the greeting, and whoever has spoken closes first.
Finding the_exchange_on_the_wire(Surroundings& here) {
  Finding finding;
  const Listener far = here.far_listener({.delay = 10ms});
  Wire wire(far.at);
  UniqueFd client(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  checked(::connect(client.get(), far.at.address(), far.at.size()), "connect");
  UniqueFd server(checked(::accept(far.fd.get(), nullptr, nullptr), "accept"));

  const std::string greeting(255, 'x');  // as long as the source's
  checked(static_cast<int>(::send(server.get(), greeting.data(), greeting.size(), MSG_NOSIGNAL)), "send");
  server.reset(-1);  // close()
  char bytes[256];
  while (::recv(client.get(), bytes, sizeof bytes, 0) > 0) {
  }
  client.reset(-1);

  const auto& seen = settled(wire, 8);
  std::string flags;
  for (const Seen& packet : seen) {
    finding.saw("{:>8}  {}  [{}]{}", humane(packet.at), packet.outgoing ? "client > server" : "server > client",
                packet.flags(), packet.data > 0 ? fmt::format(" {} bytes", packet.data) : "");
    flags += fmt::format("{}{}", flags.empty() ? "" : " ", packet.flags());
  }
  // The kernel may acknowledge data and FIN together, or the FIN at once instead of with the client's own.
  const std::string stripped = [&] {
    std::string without;
    for (const Seen& packet : seen)
      if (packet.flags() != ".") without += fmt::format("{}{}", without.empty() ? "" : " ", packet.flags());
    return without;
  }();
  const bool handshake = flags.starts_with("S S. . ");
  const bool rest = stripped == "S S. P. F. F." && flags.ends_with("F. .");
  if (flags == "S S. . P. . F. F. .")
    finding.saw("the eight packets, in that order");
  else
    finding.saw("{} packets: when a pure ACK is sent on its own is the receiver's choice", seen.size());
  finding.verdict = handshake && rest ? Verdict::confirmed : Verdict::refuted;
  return finding;
}

// Looks at both ends of one connection until they are where they are wanted; keeps every state that it sees.
class BothEnds {
 public:
  BothEnds(Surroundings& here, const Listener& listener, uint16_t client_port)
      : lab_(here.lab()), server_port_(listener.at.port()), client_port_(client_port) {}

  bool reach(const std::string& client, const std::string& server) {
    const TimePoint end = now() + 5s;
    do {
      look();
      if (client_.back() == client && server_.back() == server) return true;
      sleep_until(now() + 2ms);
    } while (now() < end);
    return false;
  }
  std::string client() const { return fmt::format("{}", fmt::join(client_, ", ")); }
  std::string server() const { return fmt::format("{}", fmt::join(server_, ", ")); }
  /// What is left of TIME_WAIT at the client; 0 = it is not in it.
  Duration time_wait() const {
    for (const ListedSocket& socket : sockets_at_port(client_port_))
      if (socket.state == TCP_TIME_WAIT) return socket.expires;
    return {};
  }

 private:
  static std::string state_of(uint16_t local, uint16_t remote) {
    for (const ListedSocket& socket : sockets_at_port(local))
      if (socket.remote_port == remote) return tcp_state(socket.state);
    return "CLOSED";
  }
  void look() {
    note(client_, state_of(client_port_, server_port_));
    const auto there = lab_.visit_server();
    note(server_, state_of(server_port_, client_port_));
  }
  static void note(std::vector<std::string>& states, const std::string& state) {
    if (states.empty() || states.back() != state) states.push_back(state);
  }

  lab::Lab& lab_;
  uint16_t server_port_;
  uint16_t client_port_;
  std::vector<std::string> client_{};
  std::vector<std::string> server_{};
};

constexpr auto round_trip = 200ms;  // each state lasts long enough to be seen

// One side closes, and then the other.
bool close_in_turn(Finding& finding, Surroundings& here, const Listener& far) {
  UniqueFd client(checked(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket"));
  ::connect(client.get(), far.at.address(), far.at.size());
  BothEnds ends(here, far, Endpoint::of_socket(client.get()).port());
  bool all = ends.reach("SYN_SENT", "CLOSED") && ends.reach("ESTABLISHED", "ESTABLISHED");
  UniqueFd server(checked(::accept(far.fd.get(), nullptr, nullptr), "accept"));
  client.reset(-1);
  all = all && ends.reach("FIN_WAIT_2", "CLOSE_WAIT");
  server.reset(-1);
  all = all && ends.reach("TIME_WAIT", "LAST_ACK");
  const Duration time_wait = ends.time_wait();
  all = all && ends.reach("TIME_WAIT", "CLOSED");
  finding.saw("the client closes, then the server. Client: {}", ends.client());
  finding.saw("Server: {}", ends.server());
  const Duration whole = std::chrono::duration_cast<std::chrono::seconds>(time_wait + 500ms);
  finding.saw(
      "TIME_WAIT lasts {} here, by its timer in /proc/net/tcp ({} left when it was seen): a constant of the kernel, "
      "whatever tcp_fin_timeout ({}) says",
      humane(whole), humane(time_wait), sysctl("net.ipv4.tcp_fin_timeout").value_or("unknown"));
  return all && ends.client() == "SYN_SENT, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, TIME_WAIT" &&
         ends.server() == "CLOSED, SYN_RECV, ESTABLISHED, CLOSE_WAIT, LAST_ACK, CLOSED" && time_wait > 0s;
}

// Both close before either has heard of it.
bool close_together(Finding& finding, Surroundings& here, const Listener& far) {
  UniqueFd client(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  checked(::connect(client.get(), far.at.address(), far.at.size()), "connect");
  UniqueFd server(checked(::accept(far.fd.get(), nullptr, nullptr), "accept"));
  BothEnds ends(here, far, Endpoint::of_socket(client.get()).port());
  bool all = ends.reach("ESTABLISHED", "ESTABLISHED");
  client.reset(-1);
  server.reset(-1);
  all = all && ends.reach("CLOSING", "CLOSING") && ends.reach("TIME_WAIT", "TIME_WAIT");
  finding.saw("both close at once. Client: {}", ends.client());
  finding.saw("Server: {}", ends.server());
  return all;
}

Finding the_states_of_both_ends(Surroundings& here) {
  Finding finding;
  const Listener far = here.far_listener({.delay = round_trip / 2});
  const bool in_turn = close_in_turn(finding, here, far);
  const bool together = close_together(finding, here, far);
  finding.verdict = in_turn && together ? Verdict::confirmed : Verdict::refuted;
  return finding;
}

}  // namespace

extern const Entry S20;
const Entry S20{
    .id = "S20",
    .sentence = "A capture of a short connection shows SYN, SYN+ACK, ACK, data, ACK, FIN, FIN+ACK, ACK.",
    .source = "probe/conversation.cpp",
    .needs_lab = true,
    .run = the_exchange_on_the_wire,
};

extern const Entry S21;
const Entry S21{
    .id = "S21",
    .sentence =
        "Both ends pass through the states of TCP's diagram, and who closes first stays in TIME_WAIT for 2 MSL.",
    .source = "probe/conversation.cpp",
    .needs_lab = true,
    .run = the_states_of_both_ends,
};

}  // namespace connbench::probes_table
