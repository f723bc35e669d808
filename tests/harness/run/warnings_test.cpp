#include "harness/run/warnings.h"

#include <gmock/gmock.h>

namespace connbench {
namespace {

using testing::HasSubstr;

class Overflows : public testing::Test {
 protected:
  // A case of an existing connector and an existing target.
  PlannedCase planned(const char* connector, const char* target = "accepting", size_t concurrency = 64) {
    connectors_.push_back(std::make_unique<NamedConnector>(find_connector(connector)));
    targets_.push_back(std::make_unique<NamedTarget>(find_target(target)));
    return {.what = {.scenario = "burst",
                     .connector = connector,
                     .target = target,
                     .family = Family::ipv4,
                     .concurrency = concurrency,
                     .shards = 1,
                     .attempts = 10,
                     .timeout = std::chrono::seconds(1)},
            .connector = connectors_.back().get(),
            .target = targets_.back().get(),
            .limit = {}};
  }
  static SummaryRow row_with(int64_t overflows) {
    SummaryRow row{};
    row.usage.listen_overflows = overflows;
    return row;
  }

  std::vector<std::unique_ptr<NamedConnector>> connectors_;
  std::vector<std::unique_ptr<NamedTarget>> targets_;
};

TEST_F(Overflows, AreCountedOverAllWavesIfTheTargetAccepts) {
  const SummaryRow two = row_with(2), three = row_with(3), unknown = row_with(-1);
  EXPECT_EQ(listen_overflows(planned("epoll"), {&two, &unknown, &three}), 5);
  EXPECT_EQ(listen_overflows(planned("epoll", "refusing"), {&two}), 0);
  EXPECT_EQ(listen_overflows(planned("epoll", "backlog-full"), {&two}), 0);
}

TEST_F(Overflows, OfAllCasesGiveOneWarning) {
  const PlannedCase epoll = planned("epoll"), select = planned("select"), more = planned("epoll", "accepting", 256);
  EXPECT_EQ(overflow_warning({{&epoll, 0}, {&select, 0}}), "");
  EXPECT_THAT(
      overflow_warning({{&epoll, 2}, {&select, 3}, {&more, 1}}),
      HasSubstr(
          "(number of times): accepting (IPv4, 64 in flight, timeout 1s): epoll (2), select (3); accepting (IPv4, "
          "256 in flight, timeout 1s): epoll (1). Where"));
}

class ServerShare : public Overflows {
 protected:
  // The warnings about a wave of 1 s whose server used so much CPU time.
  std::vector<std::string> warnings(Duration server_cpu) {
    SummaryRow row{};
    row.makespan_ns = 1'000'000'000;
    row.usage.server_cpu_ns = server_cpu.count();
    return case_warnings(planned("epoll"), {&row});
  }
};

TEST_F(ServerShare, AboveTheThresholdIsAWarningThatSaysWhatToDo) {
  EXPECT_THAT(warnings(std::chrono::milliseconds(800)), testing::IsEmpty());
  EXPECT_THAT(warnings(std::chrono::milliseconds(900)),
              testing::ElementsAre(testing::AllOf(HasSubstr("server-bound"), HasSubstr("90 % of a processor"),
                                                  HasSubstr("lower bound"), HasSubstr("--cpus"))));
}

}  // namespace
}  // namespace connbench
