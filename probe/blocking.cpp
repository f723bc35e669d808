// S2: how long the kernel itself keeps trying when there is no answer.
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <optional>
#include <string>
#include <vector>

#include "harness/machine/kernel_timeout.h"
#include "harness/machine/machine.h"
#include "harness/support/units.h"
#include "probe/children.h"
#include "probe/probe.h"
#include "probe/surroundings.h"
#include "probe/words.h"

namespace connbench::probes {
namespace {

using namespace probe;

constexpr const char* linear_name = "net.ipv4.tcp_syn_linear_timeouts";  // since Linux 6.5
constexpr const char* longest_name = "net.ipv4.tcp_rto_max_ms";          // since Linux 6.15

struct Setting {
  int retries;
  std::optional<int> linear{};  // nullopt where the kernel has no such sysctl
  std::optional<int> longest_ms{};

  SynTimers timers() const {
    SynTimers timers{.retries = retries, .linear = linear.value_or(0)};
    if (longest_ms) timers.longest = std::chrono::milliseconds(*longest_ms);
    return timers;
  }
};

// A process that may create a network namespace may set its sysctls, which apply only there.
void enter_network_with(const Setting& setting) {
  checked(::unshare(CLONE_NEWNET), "unshare(CLONE_NEWNET)");
  const auto write = [](const char* path, int value) {
    const UniqueFd file(checked(::open(path, O_WRONLY | O_CLOEXEC), path));
    const std::string text = std::to_string(value);
    checked(static_cast<int>(::write(file.get(), text.data(), text.size())), path);
  };
  write("/proc/sys/net/ipv4/tcp_syn_retries", setting.retries);
  if (setting.linear) write("/proc/sys/net/ipv4/tcp_syn_linear_timeouts", *setting.linear);
  if (setting.longest_ms) write("/proc/sys/net/ipv4/tcp_rto_max_ms", *setting.longest_ms);
  ifreq loopback{.ifr_ifrn = {"lo"}, .ifr_ifru = {}};  // the namespace's own loopback is down: `ip link set lo up`
  loopback.ifr_flags = IFF_UP;
  const UniqueFd fd(checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  checked(::ioctl(fd.get(), SIOCSIFFLAGS, &loopback), "SIOCSIFFLAGS");
}

// A blocking connect() to a listener whose queue is full, which drops SYNs.
std::string connect_to_nobody() {
  Surroundings loopback(nullptr);
  const Endpoint silent = loopback.silent();
  const UniqueFd fd = tcp_socket();
  const TimePoint began = now();
  const Returned connected = returned(::connect(fd.get(), silent.address(), silent.size()));
  return fmt::format("{} {}", connected.error, (now() - began).count());
}

struct Measured {
  int error = 0;
  Duration took{};
};

Finding kernel_timeout(Surroundings& here) {
  Finding finding;
  std::vector<Setting> settings{{1}, {2}};
  if (sysctl(linear_name)) settings = {{1, 0}, {2, 0}, {1, 1}, {1, 4}, {2, 4}};
  if (sysctl(longest_name)) settings.push_back({4, 0, 1000});

  // All at the same time, each in its own process and network.
  std::vector<Job> jobs;
  for (const Setting& setting : settings)
    jobs.push_back([setting] {
      enter_network_with(setting);
      return connect_to_nobody();
    });
  std::vector<Measured> measured(settings.size());
  run_in_children(jobs, jobs.size(), patience, -1, [&](size_t i, const ChildAnswer& answer) {
    if (!answer.ok) throw std::runtime_error(answer.text);
    const size_t blank = answer.text.find(' ');
    measured[i] = {std::stoi(answer.text), Duration(std::stoll(answer.text.substr(blank)))};
  });

  bool always_etimedout = true;
  bool as_computed = true;
  for (size_t i = 0; i < settings.size(); ++i) {
    const SynTimers timers = settings[i].timers();
    const Duration computed = kernel_connect_timeout(timers);
    finding.saw("tcp_syn_retries {}, tcp_syn_linear_timeouts {}{}: connect() = -1 {} after {} (the rule predicts {})",
                timers.retries, timers.linear,
                settings[i].longest_ms ? fmt::format(", tcp_rto_max_ms {}", *settings[i].longest_ms) : "",
                error_name(measured[i].error), human_readable(measured[i].took), human_readable(computed));
    always_etimedout = always_etimedout && measured[i].error == ETIMEDOUT;
    as_computed = as_computed && measured[i].took >= computed * 9 / 10 && measured[i].took <= computed * 13 / 10;
  }
  finding.saw("predicted by the same rule, not measured: {} with this machine's sysctls",
              here.machine_gives_up() ? human_readable(*here.machine_gives_up()) : "unknown");
  finding.saw(
      "predicted for Linux's defaults: today (6 and 4) {}, before 6.5 (6 and 0) {}, before 3.1 (5 and 0, with a first "
      "wait of 3 s instead of 1 s) {}, which explains reports of 180 s",
      human_readable(kernel_connect_timeout({6, 4})), human_readable(kernel_connect_timeout({6})),
      human_readable(3 * kernel_connect_timeout({5})));
  finding.saw("the errno is always {}; the time is {}", always_etimedout ? "ETIMEDOUT" : "not ETIMEDOUT",
              as_computed ? "what the sysctls predict" : "not what the rule predicts");
  finding.verdict = always_etimedout ? Verdict::depends : Verdict::refuted;
  return finding;
}

}  // namespace

extern const Entry S2;
const Entry S2{
    .id = "S2",
    .sentence =
        "A blocking connect() to a host that never answers takes 75 seconds to several minutes and then fails with "
        "ETIMEDOUT.",
    .source = "probe/blocking.cpp",
    .needs_lab = true,
    .run = kernel_timeout,
};

}  // namespace connbench::probes
