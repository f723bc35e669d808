// connbench run --cpus: each side runs on its own processors, and no other.
#include <gmock/gmock.h>
#include <sched.h>

#include <map>
#include <set>

#include "harness/lab/lab.h"
#include "harness/machine/machine.h"
#include "tests/bench/program.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using Processors = std::set<int>;

Processors processors_of(pid_t pid) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  ::sched_getaffinity(pid, sizeof allowed, &allowed);
  Processors found;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(static_cast<size_t>(cpu), &allowed)) found.insert(cpu);
  return found;
}

// Where those processes of a session may run that are confined, by their names.
std::multimap<std::string, Processors> confined(pid_t session) {
  std::multimap<std::string, Processors> places;
  for (const pid_t pid : processes_of_session(session)) {
    const std::string name = read_text("/proc/" + std::to_string(pid) + "/comm").value_or("\n");
    const Processors processors = processors_of(pid);
    if (processors != processors_of(0)) places.emplace(name.substr(0, name.find('\n')), processors);
  }
  return places;
}

class Placement : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Of, Placement, testing::Values("client", "server", "link"),
                         [](const auto& of) { return of.param; });

// One side is alone on one processor, and the two others share another.
TEST_P(Placement, PutsEachSideOnItsProcessors) {
  if (const auto why_not = lab::why_no_lab()) GTEST_SKIP() << *why_not;
  const Processors allowed = processors_of(0);
  if (allowed.size() < 2) GTEST_SKIP() << "there is only one processor";
  std::map<std::string, int> on{{"client", *allowed.begin()}, {"server", *allowed.begin()}, {"link", *allowed.begin()}};
  on[GetParam()] = *allowed.rbegin();
  const TemporaryFolder folder;
  const Program program({CONNBENCH_PROGRAM, "run", "--connector", "epoll", "--target", "delayed:10s", "--attempts", "2",
                         "--concurrency", "2", "--timeout", "300s", "--syscalls", "off", "--out", folder.path() / "run",
                         "--cpus", fmt::format("client={},server={},link={}", on["client"], on["server"], on["link"])});
  // Until a process has its name, it has that of the program, as the client.
  const std::multimap<std::string, Processors> expected{
      {"connbench", {on["client"]}}, {"connbench-serve", {on["server"]}}, {"connbench-link", {on["link"]}}};
  auto found = confined(program.pid());
  const TimePoint until = now() + patience;
  while (found != expected && now() < until && !program.ends_within(std::chrono::milliseconds(5)))
    found = confined(program.pid());
  EXPECT_EQ(found, expected);
}

}  // namespace
}  // namespace connbench
