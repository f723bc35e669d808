#include "harness/syscalls/syscall_counter.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>

#include <algorithm>
#include <system_error>

#include "harness/process/ask_in_child.h"
#include "harness/process/privileges.h"
#include "harness/syscalls/syscall_methods.h"

namespace connbench {
namespace {

struct Method {
  std::string_view name;
  std::unique_ptr<SyscallCounter> (*make)(pid_t child);
  std::string (*remedy)(int error);
};
constexpr Method methods[] = {{"tracepoint", make_tracepoint_counter, tracepoint_remedy},
                              {"strace", make_strace_counter, strace_remedy}};

// Counts one call that every method knows by name: a counter that starts may still count wrongly.
std::string try_out(const Method& method) try {
  const std::unique_ptr<SyscallCounter> counter = method.make(0);
  counter->start();
  ::syscall(SYS_gettid);
  const std::vector<SyscallCount> counts = counter->stop();
  const auto found = std::find_if(counts.begin(), counts.end(), [](const auto& c) { return c.name == "gettid"; });
  if (found == counts.end() || found->calls != 1) return "it miscounted a trial call";
  return "";
} catch (const std::system_error& error) {
  const std::string remedy = method.remedy(error.code().value());
  return remedy.empty() ? error.what() : fmt::format("{} ({})", error.what(), remedy);
}

}  // namespace

SyscallCounting probe_syscall_counting(bool without_capabilities) {
  std::string why_not;
  for (const Method& method : methods) {
    const ChildAnswer answer = ask_in_child([&] {
      if (without_capabilities) drop_capabilities();
      return try_out(method);
    });
    if (answer.ok && answer.text.empty()) return {method.name, ""};
    why_not += fmt::format("{}{}: {}", why_not.empty() ? "" : "; ", method.name, answer.text);
  }
  return {"", why_not};
}

std::unique_ptr<SyscallCounter> make_syscall_counter(std::string_view method, pid_t child) {
  for (const Method& known : methods) {
    if (known.name == method) return known.make(child);
  }
  return nullptr;
}

UniqueFd out_of_the_way(UniqueFd fd) noexcept {
  constexpr int first_number = 4096;
  UniqueFd moved(::fcntl(fd.get(), F_DUPFD_CLOEXEC, first_number));
  return moved ? std::move(moved) : std::move(fd);
}

}  // namespace connbench
