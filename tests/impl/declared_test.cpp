// What connectors declare of themselves where it depends on their options, or on who waits for a socket.
#include <gmock/gmock.h>

#include <string>

#include "harness/connector/registry.h"
#include "harness/connector/retirement.h"

namespace connbench {
namespace {

Capabilities declared_by(const std::string& name) {
  const NamedConnector connector = find_connector(name);
  Retirement retirement({}, 0);
  return connector.entry->make({connector.options, 1, retirement})->capabilities();
}

TEST(Declared, IsThatATimerOfTheKernelKeepsDeadlinesIfItDoes) {
  using enum Capabilities::DeadlineBy;
  for (const std::string loop : {"epoll", "epoll-edge"}) {
    EXPECT_EQ(declared_by(loop).deadline_by, timer) << loop;
    EXPECT_EQ(declared_by(std::string(loop) + "+wait:pwait2").deadline_by, wait) << loop;
  }
}

// In a pool, only the attempts that a thread works on have a descriptor.
TEST(Declared, IsTheLimitOfSelectWhereEveryAttemptHasADescriptor) {
  EXPECT_GT(declared_by("select").max_in_flight, 0U);
  EXPECT_EQ(declared_by("select-pool").max_in_flight, 0U);
}

}  // namespace
}  // namespace connbench
