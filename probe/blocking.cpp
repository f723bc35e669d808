// S2: how long the kernel itself tries, when nobody answers.
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

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

struct Setting {
  int retries;
  int linear;
};

// Whoever may make a network namespace may set its sysctls: these hold nowhere else.
void own_network_with(const Setting& setting, bool has_linear) {
  checked(::unshare(CLONE_NEWNET), "unshare(CLONE_NEWNET)");
  const auto write = [](const char* path, int value) {
    const UniqueFd file(checked(::open(path, O_WRONLY | O_CLOEXEC), path));
    const std::string text = std::to_string(value);
    checked(static_cast<int>(::write(file.get(), text.data(), text.size())), path);
  };
  write("/proc/sys/net/ipv4/tcp_syn_retries", setting.retries);
  if (has_linear) write("/proc/sys/net/ipv4/tcp_syn_linear_timeouts", setting.linear);
  ifreq loopback{.ifr_ifrn = {"lo"}, .ifr_ifru = {}};  // it has its own, which is down: `ip link set lo up`
  loopback.ifr_flags = IFF_UP;
  const UniqueFd fd(checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  checked(::ioctl(fd.get(), SIOCSIFFLAGS, &loopback), "SIOCSIFFLAGS");
}

// A connect() that waits, to a listener whose queue is full: its SYNs are dropped.
std::string connect_to_nobody() {
  Surroundings loopback(nullptr);
  const Endpoint silent = loopback.silent();
  const UniqueFd fd(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  const TimePoint began = now();
  const Returned connected = returned(::connect(fd.get(), silent.address(), silent.size()));
  return fmt::format("{} {}", connected.error, (now() - began).count());
}

struct Measured {
  int error = 0;
  Duration took{};
};

Finding the_kernels_own_limit(Surroundings& here) {
  Finding finding;
  const bool has_linear = sysctl(linear_name).has_value();
  std::vector<Setting> settings{{1, 0}, {2, 0}};
  if (has_linear) settings.insert(settings.end(), {{1, 1}, {1, 4}, {2, 4}});

  // All at the same time, each in a process and a network of its own.
  std::vector<Job> jobs;
  for (const Setting& setting : settings)
    jobs.push_back([setting, has_linear] {
      own_network_with(setting, has_linear);
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
    const auto [retries, linear] = settings[i];
    const Duration computed = kernel_connect_timeout(retries, linear);
    finding.saw("tcp_syn_retries {}, tcp_syn_linear_timeouts {}: connect() = -1 {} after {} (by the rule {})", retries,
                linear, error_name(measured[i].error), human_readable(measured[i].took), human_readable(computed));
    always_etimedout = always_etimedout && measured[i].error == ETIMEDOUT;
    as_computed = as_computed && measured[i].took >= computed * 9 / 10 && measured[i].took <= computed * 13 / 10;
  }
  finding.saw("computed by the same rule, not waited for: with this machine's sysctls {}",
              here.machine_gives_up() ? human_readable(*here.machine_gives_up()) : "unknown");
  finding.saw(
      "computed: Linux's defaults of today (6 and 4) {}, before 6.5 (6 and 0) {}; before 3.1 (5 and 0, and a first "
      "wait of 3 s instead of 1 s) {}: the 180 s that were seen once",
      human_readable(kernel_connect_timeout(6, 4)), human_readable(kernel_connect_timeout(6, 0)),
      human_readable(3 * kernel_connect_timeout(5, 0)));
  finding.saw("the errno is {} always; the time is {}", always_etimedout ? "ETIMEDOUT" : "not ETIMEDOUT",
              as_computed ? "what the two sysctls make it" : "not what the rule says");
  finding.verdict = always_etimedout ? Verdict::depends : Verdict::refuted;
  return finding;
}

}  // namespace

extern const Entry S2;
const Entry S2{
    .id = "S2",
    .sentence =
        "A blocking connect() to a host that never answers takes 75 seconds to several minutes, and then fails "
        "with ETIMEDOUT.",
    .source = "probe/blocking.cpp",
    .needs_lab = true,
    .run = the_kernels_own_limit,
};

}  // namespace connbench::probes
