// A client, a link and a server, each in a network namespace of its own, for tests and benchmarks of the link:
// a0 (client) = a1 (link) … b1 (link) = b0 (server). Made by commands of iproute2; needs a process of its own.
#pragma once

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <fstream>
#include <functional>
#include <new>
#include <stdexcept>
#include <string>

#include "harness/ask_in_child.h"
#include "harness/endpoint.h"
#include "harness/lab/addresses.h"
#include "harness/lab/link/link.h"
#include "harness/unique_fd.h"

namespace connbench::lab {

namespace two_ends {

inline constexpr const char* client_mac = "02:00:00:00:00:0a";
inline constexpr const char* server_mac = "02:00:00:00:00:0b";

/// An ordinary user may make network namespaces inside a user namespace only; root needs none.
inline void leave_for_own_network() {
  const uid_t user = ::geteuid();
  const gid_t group = ::getegid();
  if (user == 0 && ::unshare(CLONE_NEWNET) == 0) return;
  checked(::unshare(CLONE_NEWUSER | CLONE_NEWNET), "unshare(CLONE_NEWUSER | CLONE_NEWNET)");
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/uid_map") << "0 " << user << " 1";
  std::ofstream("/proc/self/gid_map") << "0 " << group << " 1";
}

inline UniqueFd this_network() {
  return UniqueFd(checked(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), "open(/proc/self/ns/net)"));
}

inline UniqueFd new_network() {
  checked(::unshare(CLONE_NEWNET), "unshare(CLONE_NEWNET)");
  return this_network();
}

/// Runs commands of ip(8), one a line, in the network namespace of the caller.
inline void ip(const std::string& commands) {
  const UniqueFd input(checked(::memfd_create("ip", 0), "memfd_create"));
  const std::string all = commands + "\n";
  if (::pwrite(input.get(), all.data(), all.size(), 0) < 0) throw std::runtime_error("pwrite");
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, input.get(), STDIN_FILENO);
  std::string words[] = {"ip", "-batch", "-"};
  char* arguments[] = {words[0].data(), words[1].data(), words[2].data(), nullptr};
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, "ip", &files, nullptr, arguments, ::environ);
  ::posix_spawn_file_actions_destroy(&files);
  if (error != 0) throw std::system_error(error, std::generic_category(), "ip");
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) throw std::runtime_error("ip failed on\n" + commands);
}

/// The link carries frames as they are, so their checksums must be in them.
inline void compute_checksums(const char* interface) {
  const UniqueFd socket(checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  ethtool_value off{.cmd = ETHTOOL_STXCSUM, .data = 0};
  ifreq request{};
  std::string(interface).copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&off);
  checked(::ioctl(socket.get(), SIOCETHTOOL, &request), "ioctl(ETHTOOL_STXCSUM)");
}

}  // namespace two_ends

/// To be made in a process with one thread that is used for nothing else; afterwards it is the client.
class TwoEnds {
 public:
  /// `prepare` sets rules and seed before the link starts. @throws std::exception
  explicit TwoEnds(const std::function<void(LinkState&)>& prepare = [](LinkState&) {}) {
    two_ends::leave_for_own_network();
    client_ = two_ends::this_network();
    link_ = two_ends::new_network();
    server_ = two_ends::new_network();
    set_up_link();
    set_up_server();
    set_up_client();
    void* const shared = ::mmap(nullptr, sizeof(LinkState), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    state_ = new (shared) LinkState;
    prepare(*state_);
    start_link();
  }
  ~TwoEnds() {
    ::kill(process_, SIGKILL);
    while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  TwoEnds(const TwoEnds&) = delete;
  TwoEnds& operator=(const TwoEnds&) = delete;

  LinkState& state() noexcept { return *state_; }
  pid_t link_process() const noexcept { return process_; }

  /// The report as of now.
  const LinkReport& report() {
    if (!refresh_report(*state_, std::chrono::seconds(10))) throw std::runtime_error("the link does not answer");
    return state_->report;
  }

  template <class Function>
  auto on_server(Function function) {
    return inside(server_, function);
  }
  template <class Function>
  auto on_link(Function function) {
    return inside(link_, function);
  }

  static Endpoint far(Family family, uint8_t block, uint16_t port) {
    const auto where = static_cast<Block>(block);
    return family == Family::ipv6 ? Endpoint::ipv6(ipv6_address(where, 0), port)
                                  : Endpoint::ipv4(ipv4_address(where, 0), port);
  }

 private:
  template <class Function>
  auto inside(const UniqueFd& network, Function function) {
    checked(::setns(network.get(), CLONE_NEWNET), "setns");
    struct Return {
      int client;
      ~Return() { ::setns(client, CLONE_NEWNET); }
    } const back{client_.get()};
    return function();
  }

  static std::string path(const UniqueFd& network) {
    return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(network.get());
  }

  void set_up_link() {
    on_link([&] {
      two_ends::ip("link add a1 type veth peer name a0 address " + std::string(two_ends::client_mac) + " netns " +
                   path(client_) + "\nlink add b1 type veth peer name b0 address " + two_ends::server_mac + " netns " +
                   path(server_) + "\nlink set a1 up\nlink set b1 up");
    });
  }
  void set_up_server() {
    on_server([] {
      two_ends::compute_checksums("b0");
      two_ends::ip(std::string("link set lo up\nlink set b0 up\n"
                               "addr add 198.18.0.2/24 dev b0\naddr add 2001:2:0:1000::2/64 dev b0 nodad\n"
                               "route add local 198.19.0.0/16 dev lo\nroute add local 2001:2::/56 dev lo\n"
                               "neigh add 198.18.0.1 dev b0 nud permanent lladdr ") +
                   two_ends::client_mac + "\nneigh add 2001:2:0:1000::1 dev b0 nud permanent lladdr " +
                   two_ends::client_mac);
    });
  }
  void set_up_client() {
    checked(::setns(client_.get(), CLONE_NEWNET), "setns");
    two_ends::compute_checksums("a0");
    two_ends::ip(std::string("link set lo up\nlink set a0 up\n"
                             "addr add 198.18.0.1/24 dev a0\naddr add 2001:2:0:1000::1/64 dev a0 nodad\n"
                             "neigh add 198.18.0.2 dev a0 nud permanent lladdr ") +
                 two_ends::server_mac + "\nneigh add 2001:2:0:1000::2 dev a0 nud permanent lladdr " +
                 two_ends::server_mac +
                 "\nroute add 198.19.0.0/16 via 198.18.0.2\nroute add 2001:2::/56 via 2001:2:0:1000::2");
  }

  void start_link() {
    const pid_t parent = ::getpid();
    process_ = checked(::fork(), "fork");
    if (process_ == 0) run_child(parent);
    while (!state_->report.ready.load(std::memory_order_acquire)) {
      int status = 0;
      if (::waitpid(process_, &status, WNOHANG) != 0) throw std::runtime_error("the link has ended");
      sleep_until(now() + std::chrono::milliseconds(1));
    }
  }
  [[noreturn]] void run_child(pid_t parent) noexcept {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(0);
    checked(::setns(link_.get(), CLONE_NEWNET), "setns");
    run_link("a1", "b1", *state_);
  }

  UniqueFd client_{-1};
  UniqueFd link_{-1};
  UniqueFd server_{-1};
  LinkState* state_ = nullptr;  // shared with the link, and left to the process's end
  pid_t process_ = -1;
};

/// Why there can be no TwoEnds on this machine; empty when there can.
inline std::string why_no_two_ends() {
  const ChildAnswer answer = ask_in_child([] {
    TwoEnds ends;
    return std::string();
  });
  return answer.ok ? "" : answer.text;
}

}  // namespace connbench::lab
