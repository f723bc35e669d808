#include "harness/machine/inherited.h"

#include <gmock/gmock.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "harness/process/ask_in_child.h"

namespace connbench {
namespace {

using nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Duration usual_slack = std::chrono::microseconds(50);

template <class Change>
ordered_json state_after(Change change) {
  const ChildAnswer answer = ask_in_child([&] {
    change();
    return read_inherited_state().dump();
  });
  return ordered_json::parse(answer.text);
}

// Whatever these tests were started in.
ordered_json usual_state() {
  ordered_json state = read_inherited_state();
  state["nice"] = 0;
  state["scheduling"] = "other";
  state["traced"] = false;
  return state;
}

TEST(InheritedState, HasThePriorityAndThePolicy) {
  const auto state = state_after([] {
    ::setpriority(PRIO_PROCESS, 0, 19);
    const sched_param none{};
    ::sched_setscheduler(0, SCHED_BATCH, &none);
  });
  EXPECT_EQ(state.at("nice"), 19);
  EXPECT_EQ(state.at("scheduling"), "batch");
  EXPECT_EQ(state.at("realtime_priority"), 0);
}

TEST(InheritedState, NamesIgnoredSignals) {
  const auto state = state_after([] {
    for (int number = 1; number <= SIGRTMAX; ++number) ::signal(number, SIG_DFL);
    ::signal(SIGHUP, SIG_IGN);
    ::signal(SIGINT, SIG_IGN);
    ::signal(SIGXFSZ, SIG_IGN);  // we do that ourselves
  });
  EXPECT_THAT(state.at("ignored_signals"), ElementsAre("SIGHUP", "SIGINT"));
}

TEST(InheritedState, KnowsWhetherItIsTraced) {
  ordered_json state = usual_state();
  state["traced"] = true;
  EXPECT_THAT(inherited_state_warnings(state, usual_slack), ElementsAre(HasSubstr("is traced")));
}

TEST(InheritedState, WarnsOfNothingUsual) {
  EXPECT_THAT(inherited_state_warnings(usual_state(), usual_slack), IsEmpty());
}

TEST(InheritedState, WarnsOfLowPriorityAndLateTimers) {
  ordered_json state = usual_state();
  state["nice"] = 5;
  EXPECT_THAT(inherited_state_warnings(state, std::chrono::milliseconds(10)),
              ElementsAre(HasSubstr("at nice 5"), HasSubstr("10000 µs late")));
  state["nice"] = 0;
  state["scheduling"] = "idle";
  EXPECT_THAT(inherited_state_warnings(state, usual_slack), ElementsAre(HasSubstr("policy 'idle'")));
}

}  // namespace
}  // namespace connbench
