// The matrix: which ways are right given a row, and the rows that loopback produces.
#include "probe/matrix.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "probe/probe.h"

namespace connbench::probe {
namespace {

MatrixRow refused() {
  return {.state = AttemptState::refused,
          .connect_error = EINPROGRESS,
          .select_read = true,
          .select_write = true,
          .so_error = ECONNREFUSED,
          .getpeername = ENOTCONN,
          .received = -1,
          .recv_error = ECONNREFUSED,
          .second_connect = ECONNREFUSED,
          .third_connect = EINPROGRESS,
          .consumers = {"SO_ERROR", "recv"}};
}

const Way& way(std::string_view beginning) {
  const auto found = std::ranges::find_if(ways(), [&](const Way& each) { return each.name.starts_with(beginning); });
  if (found == ways().end()) throw std::invalid_argument(std::string(beginning));
  return *found;
}

TEST(ARow, SurvivesSerialisation) {
  EXPECT_EQ(row_from_text(to_text(refused())), refused());
  const MatrixRow absent{.state = AttemptState::unreachable, .why_not = "no lab"};
  EXPECT_EQ(row_from_text(to_text(absent)), absent);
  EXPECT_THROW(row_from_text("[1,2]"), std::invalid_argument);
}

TEST(AWay, IsRightWhenItsDiagnosisIs) {
  const std::vector rows{refused()};
  EXPECT_TRUE(is_right(way("connect()'s own errno"), rows));
  EXPECT_TRUE(is_right(way("once ready, getpeername()"), rows));
  EXPECT_FALSE(is_right(way("once ready, a read of length 0"), rows));
}

TEST(AWay, IsNotRightWhenItHasASideEffect) {
  EXPECT_FALSE(is_right(way("once ready, a recv()"), {}));
}

TEST(AWay, IsNotJudgedByStatesThatCouldNotBeCreated) {
  const std::vector rows{MatrixRow{.state = AttemptState::unreachable, .why_not = "no lab"}};
  EXPECT_TRUE(is_right(way("once ready, a read of length 0"), rows));
}

TEST(ASoftError, IsRightlyDiagnosedAsFailedOrPending) {
  EXPECT_TRUE(is_right(AttemptState::soft_error, Diagnosis::failed));
  EXPECT_TRUE(is_right(AttemptState::soft_error, Diagnosis::pending));
  EXPECT_FALSE(is_right(AttemptState::soft_error, Diagnosis::connected));
  for (const AttemptState state : all_states)
    EXPECT_EQ(is_right(state, Diagnosis::connected),
              state == AttemptState::accepted || state == AttemptState::data_waiting ||
                  state == AttemptState::fin_received || state == AttemptState::fast_open)
        << to_string(state);
}

// The states that need no lab.
TEST(Observing, WorksForEveryStateOnLoopback) {
  Surroundings here(nullptr);
  for (const AttemptState state :
       {AttemptState::pending, AttemptState::accepted, AttemptState::data_waiting, AttemptState::fin_received,
        AttemptState::reset, AttemptState::refused, AttemptState::failed_at_once}) {
    const MatrixRow row = observe(state, here);
    EXPECT_EQ(row.why_not, "") << to_string(state);
    EXPECT_EQ(row.poll, row.epoll) << to_string(state);
    EXPECT_EQ(row.empty_read, 0) << to_string(state);
    EXPECT_FALSE(row.select_except) << to_string(state);
  }
}

TEST(Observing, ReportsStatesThatNeedTheLab) {
  Surroundings here(nullptr);
  EXPECT_NE(observe(AttemptState::unreachable, here).why_not, "");
  EXPECT_NE(observe(AttemptState::soft_error, here).why_not, "");
  EXPECT_NE(observe(AttemptState::fast_open, here).why_not, "");
}

}  // namespace
}  // namespace connbench::probe
