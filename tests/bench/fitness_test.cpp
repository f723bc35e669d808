// What a run and the doctor say when the machine is not fit to measure.
#include <gmock/gmock.h>

#include "harness/machine/interference.h"
#include "tests/bench/program.h"
#include "tests/bench/records.h"
#include "tests/support/busy_processes.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using testing::Contains;
using testing::HasSubstr;

constexpr const char* by_load = "not fit to measure: other programs kept";

class FitnessTest : public testing::Test {
 protected:
  std::string out() const { return folder_.path() / "run"; }
  nlohmann::json fitness() const { return json_of(out() + "/run.json").at("fitness"); }
  TemporaryFolder folder_;
};

TEST_F(FitnessTest, ARunSaysThatOtherProgramsKeepEveryProcessorBusy) {
  const BusyProcesses busy(processors_of_machine());
  for (const auto& command : {std::vector<std::string>{"run", "--connector", "epoll", "--attempts", "20",
                                                       "--repetitions", "3", "--syscalls", "off", "--samples", "none"},
                              {"exhaust", "fds", "--limit", "64", "--connector", "epoll", "--timeout", "50ms"}}) {
    std::filesystem::remove_all(out());
    std::vector<std::string> words = command;
    words.insert(words.end(), {"--out", out()});
    const Ended ended = connbench(words);
    EXPECT_THAT(ended.out, HasSubstr(by_load)) << ended.err;
    EXPECT_THAT(fitness().at("unfit"), Contains(HasSubstr("threads ready to run")));
    EXPECT_GE(fitness().at("ready_threads"), processors_of_machine());
  }
}

// Whatever else this machine does, the figures are there, and each reason is on the screen.
TEST_F(FitnessTest, IsRecordedAndShownAlike) {
  const Ended ended = connbench({"run", "--connector", "epoll", "--attempts", "20", "--timeout", long_timeout,
                                 "--repetitions", "2", "--out", out()});
  ASSERT_EQ(ended.status, 0) << ended.err;
  EXPECT_EQ(fitness().at("processors"), processors_of_machine());
  size_t shown = 0;
  for (size_t at = ended.out.find("not fit to measure"); at != std::string::npos;
       at = ended.out.find("not fit to measure", at + 1))
    ++shown;
  EXPECT_EQ(shown, fitness().at("unfit").size()) << ended.out;
}

TEST_F(FitnessTest, TheDoctorSaysSoToo) {
  const BusyProcesses busy(processors_of_machine());
  EXPECT_THAT(connbench({"doctor"}).out, HasSubstr("Fit to measure? No:"));
  const auto found = nlohmann::json::parse(connbench({"doctor", "--format", "json"}).out).at("fitness");
  EXPECT_THAT(found.at("unfit"), Contains(HasSubstr("threads ready to run")));
}

}  // namespace
}  // namespace connbench
