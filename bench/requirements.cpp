#include "bench/requirements.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>
#include <system_error>
#include <utility>

#include "bench/commands.h"
#include "harness/machine/machine.h"
#include "harness/process/affinity.h"
#include "harness/process/ask_in_child.h"
#include "harness/process/child_process.h"
#include "harness/process/descriptor_table.h"

namespace connbench {
namespace {

constexpr const char* of_a_container = "in a container, allow it: docker run --security-opt seccomp=unconfined";

// nullopt when the system call works, or fails for a reason that says nothing about the machine.
std::optional<Finding> unless_it_works(const char* call, int since_minor, const std::function<void()>& make_it) {
  try {
    make_it();
    return std::nullopt;
  } catch (const std::system_error& error) {
    const int code = error.code().value();
    if (code != EPERM && code != EACCES && code != ENOSYS) return std::nullopt;
    return Finding{call, fmt::format("refused: {}", std::strerror(code)),
                   fmt::format("every measurement needs it (Linux 5.{}); {}", since_minor, of_a_container)};
  }
}

std::optional<Finding> without_pidfd() {
  return unless_it_works("pidfd_open", 3, [] { pidfd_of(::getpid()); });
}

std::optional<Finding> without_signalfd() {
  return unless_it_works("signalfd", 3, [] {
    sigset_t none;
    sigemptyset(&none);
    const UniqueFd made(checked(::signalfd(-1, &none, SFD_CLOEXEC), "signalfd"));
  });
}

std::optional<Finding> without_descriptors() {
  const Limit limit = descriptor_limit();
  if (limit.value >= descriptors_of_the_harness) return std::nullopt;
  return Finding{
      "descriptors", fmt::format("{} ({})", limit.value, limit.name),
      fmt::format("every measurement needs {}; to raise it: {}", descriptors_of_the_harness, limit.how_to_raise)};
}

std::optional<Finding> without_proc() {
  if (sysctl("kernel.ostype")) return std::nullopt;
  return Finding{"/proc", "cannot be read",
                 "limits, ports and usage are read there: mount -t proc proc /proc (as root)"};
}

[[noreturn]] void fail(const Finding& missing) {
  throw MachineLacks(fmt::format("{}: {}: {}", missing.subject, missing.value, missing.remedy));
}

}  // namespace

std::vector<Finding> missing_requirements() {
  std::vector<Finding> missing;
  for (auto& finding : {without_descriptors(), without_pidfd(), without_signalfd(), without_proc()})
    if (finding) missing.push_back(*finding);
  return missing;
}

void require_machine() {
  for (auto& missing : {without_descriptors(), without_pidfd(), without_signalfd()})
    if (missing) fail(*missing);
}

void require_proc() {
  if (const auto missing = without_proc()) fail(*missing);
}

void require_placement(const Placement& placement) {
  for (const std::vector<int>* side : {&placement.client, &placement.server, &placement.link}) {
    const ChildAnswer answer = ask_in_child([side] {
      run_on(0, *side);
      return "";
    });
    if (!answer.ok)
      throw MachineLacks(fmt::format("--cpus: this process may not choose its processors ({}): leave --cpus out, or {}",
                                     answer.text, of_a_container));
  }
}

size_t most_pending(const RunRequest& request) {
  if (std::ranges::all_of(request.families, [](Family family) { return family == Family::unix_domain; })) return 0;
  return *std::ranges::max_element(request.concurrency);
}

std::unique_ptr<TcpMemory> raise_tcp_memory(size_t pending) try {
  auto memory = std::make_unique<TcpMemory>(pending);
  return memory->is_raised() ? std::move(memory) : nullptr;
} catch (const CannotRaise& cannot) {
  throw MachineLacks(fmt::format("--allow-tcp-memory: {}", cannot.reason));
}

}  // namespace connbench
