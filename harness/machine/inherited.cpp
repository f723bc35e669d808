#include "harness/machine/inherited.h"

#include <fmt/format.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>

#include "harness/machine/machine.h"
#include "harness/support/proc_file.h"

namespace connbench {
namespace {

using Json = nlohmann::ordered_json;

constexpr Duration usual_timer_slack = std::chrono::microseconds(50);  // the kernel's default

Json number_or_null(int64_t number) {
  return number < 0 ? Json(nullptr) : Json(number);
}

// The rest of the line of /proc/self/status that begins with `label`.
Json status_text(std::string_view status, std::string_view label) {
  const size_t at = status.find(label);
  if (at == std::string_view::npos) return nullptr;
  const std::string_view line = status.substr(at + label.size(), status.find('\n', at + 1) - at - label.size());
  return std::string(line.substr(std::min(line.find_first_not_of(" \t"), line.size())));
}

Json scheduling_policy() {
  switch (::sched_getscheduler(0) & ~SCHED_RESET_ON_FORK) {
    case SCHED_OTHER:
      return "other";
    case SCHED_BATCH:
      return "batch";
    case SCHED_IDLE:
      return "idle";
    case SCHED_FIFO:
      return "fifo";
    case SCHED_RR:
      return "rr";
    case 6:  // SCHED_DEADLINE, which <sched.h> does not have
      return "deadline";
    default:
      return nullptr;
  }
}

Json realtime_priority() {
  sched_param parameters{};
  return ::sched_getparam(0, &parameters) == 0 ? Json(parameters.sched_priority) : Json(nullptr);
}

int nice_value() {
  return ::getpriority(PRIO_PROCESS, 0);
}

Json memory_policy() {
  constexpr const char* names[] = {"default", "preferred", "bind", "interleave", "local", "preferred-many"};
  int mode = 0;
  if (::syscall(SYS_get_mempolicy, &mode, nullptr, 0, nullptr, 0) != 0) return nullptr;
  const auto index = static_cast<size_t>(mode);
  return index < std::size(names) ? Json(names[index]) : Json(mode);
}

Json ignored_signals() {
  Json names = Json::array();
  for (int number = 1; number < SIGRTMIN; ++number) {
    struct sigaction known {};
    if (number == SIGPIPE || number == SIGXFSZ || ::sigaction(number, nullptr, &known) != 0 ||
        known.sa_handler != SIG_IGN)
      continue;
    const char* name = ::sigabbrev_np(number);
    names.push_back(name != nullptr ? fmt::format("SIG{}", name) : std::to_string(number));
  }
  return names;
}

bool changes_the_program(std::string_view variable) {
  return variable.starts_with("LD_") || variable.starts_with("MALLOC_") || variable == "GLIBC_TUNABLES" ||
         variable.ends_with("SAN_OPTIONS");
}

// The environment that this process was started with.
template <class Take>
void for_each_variable(Take take) {
  const std::string block = read_text("/proc/self/environ").value_or("");
  for (size_t begin = 0; begin < block.size();) {
    const size_t end = std::min(block.find('\0', begin), block.size());
    const std::string variable = block.substr(begin, end - begin);
    const size_t equals = std::min(variable.find('='), variable.size());
    take(variable.substr(0, equals), variable.substr(std::min(equals + 1, variable.size())));
    begin = end + 1;
  }
}

void add_variables(Json& state) {
  state["variables"] = Json::object();
  state["removed_variables"] = Json::array();
  for_each_variable([&](const std::string& name, const std::string& value) {
    if (changes_the_program(name)) state["variables"][name] = value;
    if (std::getenv(name.c_str()) == nullptr) state["removed_variables"].push_back(name);
  });
}

}  // namespace

Json read_inherited_state() {
  const std::string status = read_text("/proc/self/status").value_or("");
  Json state = {{"nice", nice_value()},
                {"scheduling", scheduling_policy()},
                {"realtime_priority", realtime_priority()},
                {"memory_policy", memory_policy()},
                {"oom_score_adj", nullptr},
                {"personality", ::personality(0xffffffff)},
                {"traced", status.empty() ? Json(nullptr) : Json(number_after(status, "\nTracerPid:") > 0)},
                {"no_new_privs", number_or_null(number_after(status, "\nNoNewPrivs:"))},
                {"seccomp_filters", number_or_null(number_after(status, "\nSeccomp_filters:"))},
                {"speculative_store_bypass", status_text(status, "\nSpeculation_Store_Bypass:")},
                {"indirect_branch_speculation", status_text(status, "\nSpeculationIndirectBranch:")},
                {"ignored_signals", ignored_signals()}};
  if (const auto adjustment = read_text("/proc/self/oom_score_adj")) state["oom_score_adj"] = std::stoi(*adjustment);
  add_variables(state);
  return state;
}

const Json& inherited_state() {
  static const Json state = read_inherited_state();
  return state;
}

std::vector<std::string> inherited_state_warnings(const Json& state, Duration timer_slack) {
  std::vector<std::string> warnings;
  if (state.at("traced") == true)
    warnings.emplace_back(
        "this process is traced (strace, a debugger): each of its system calls and signals may cost many times as much "
        "as usual. Measure without it.");
  if (state.at("nice") > 0 || state.at("scheduling") == "batch" || state.at("scheduling") == "idle")
    warnings.emplace_back(
        fmt::format("this process was started at nice {} with the scheduling policy '{}': other processes come first, "
                    "and what they leave is measured. Start it at nice 0 with the policy 'other'.",
                    state.at("nice").get<int>(), state.at("scheduling").get<std::string>()));
  if (timer_slack > usual_timer_slack)
    warnings.emplace_back(
        fmt::format("the kernel may end the timed waits of this process {} µs late (its timer slack, inherited; {} µs "
                    "is usual): so timeouts are late.",
                    timer_slack.count() / 1000, usual_timer_slack.count() / 1000));
  return warnings;
}

}  // namespace connbench
