// What only a connector of processes can get wrong.
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/impl/conformance/conformance.h"

namespace connbench::conformance {
namespace {

std::vector<pid_t> children() {
  const std::string self = std::to_string(::getpid());
  std::ifstream file("/proc/" + self + "/task/" + self + "/children");
  std::vector<pid_t> all;
  for (pid_t child = 0; file >> child;) all.push_back(child);
  return all;
}

class Forking : public testing::Test {
 protected:
  const ConnectorEntry& entry_ = *find_connector("fork-per-attempt").entry;
};

TEST_F(Forking, AChildThatIsKilledEndsItsOwnAttemptOnly) {
  const auto silent = find_target("backlog-full").open({.family = Family::ipv4, .open_at_once = 3});
  const std::vector<pid_t> before = children();
  Connecting connecting(entry_, 3);
  const auto attempts = attempts_on(silent->endpoints(), 3, far_away);
  ASSERT_EQ(connecting.submit(attempts), 3U);
  std::vector<pid_t> own = children();
  std::erase_if(own, [&](pid_t child) { return std::ranges::count(before, child) > 0; });
  if (own.empty()) GTEST_SKIP() << "this kernel does not list children (CONFIG_PROC_CHILDREN)";
  ASSERT_EQ(own.size(), 3U);
  ::kill(own.front(), SIGKILL);
  const TimePoint end = now() + patience;
  while (connecting.completions().empty() && now() < end) connecting.reap(end);
  ASSERT_EQ(connecting.completions().size(), 1U);
  const Completion killed = connecting.completions().front();
  EXPECT_EQ(killed.result, (ConnectResult{Outcome::unexpected, Stage::wait, 0}));
  EXPECT_LT(killed.started, killed.finished);
  EXPECT_EQ(connecting.in_flight(), 2U);
}

// A held connection belongs to this process, which passes its end on when its child has long gone.
TEST_F(Forking, AHeldConnectionOutlivesItsChild) {
  const auto accepting = find_target("accepting").open({.family = Family::ipv4, .open_at_once = 40});
  const auto entries = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
  };
  Connecting connecting(entry_, 40, {.close = CloseMode::hold});
  const auto before = entries();
  connecting.complete(attempts_on(accepting->endpoints(), 40, far_away));
  EXPECT_EQ(count_of(Outcome::connected, connecting.completions()), 40U);
  EXPECT_EQ(entries() - before, 40);
}

}  // namespace
}  // namespace connbench::conformance
