// connbench run --repeat: the same run again, from the record of the first.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "tests/bench/program.h"
#include "tests/bench/records.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class Repeat : public testing::Test {
 protected:
  std::string at(const std::string& name) const { return (folder_.path() / name).string(); }

  /// The first run. Random arrivals and an order of waves that the seed decides.
  void measure_once() {
    const Ended ended = connbench({"run", "--connector", "epoll,poll,select", "--target", "accepting,refusing",
                                   "--attempts", "20", "--concurrency", "1,4", "--repetitions", "2", "--arrival",
                                   "poisson:5000/s", "--timeout", "500ms", "--syscalls", "off", "--out", at("one")});
    ASSERT_EQ(ended.status, 0) << ended.err;
  }

  /// Refused with this message.
  void expect_refusal(std::vector<std::string> words, const std::string& said) {
    words.insert(words.begin(), {"run", "--out", at("refused")});
    const Ended ended = connbench(words);
    EXPECT_EQ(ended.status, 2);
    EXPECT_THAT(ended.err, HasSubstr(said));
    EXPECT_FALSE(std::filesystem::exists(at("refused")));
  }

 private:
  TemporaryFolder folder_;
};

std::string what_of(const Row& row) {
  std::string what;
  for (const char* column : {"scenario", "connector", "target", "concurrency", "timeout_ns", "repetition", "attempts"})
    what += row.at(column) + ' ';
  return what;
}

TEST_F(Repeat, MeasuresTheSameWavesInTheSameOrderWithTheSameSeed) {
  measure_once();
  const Ended ended = connbench({"run", "--repeat", at("one"), "--out", at("two")});
  ASSERT_EQ(ended.status, 0) << ended.err;
  const auto one = json_of(at("one/run.json")), two = json_of(at("two/run.json"));
  EXPECT_EQ(one.at("settings"), two.at("settings"));
  EXPECT_EQ(one.at("seed"), two.at("seed"));
  EXPECT_EQ(one.at("settings").at("seed"), std::to_string(one.at("seed").get<uint64_t>()));
  std::vector<std::string> first, second;
  for (const Row& row : rows_of(at("one/summary.csv"))) first.push_back(what_of(row));
  for (const Row& row : rows_of(at("two/summary.csv"))) second.push_back(what_of(row));
  EXPECT_EQ(first, second);
  EXPECT_EQ(first.size(), 24U);
}

TEST_F(Repeat, RecordsTheConnectorsThatWereChosen) {
  measure_once();
  const auto settings = json_of(at("one/run.json")).at("settings");
  EXPECT_EQ(settings.at("connector"), (std::vector<std::string>{"epoll", "poll", "select"}));
  EXPECT_FALSE(settings.contains("out"));
  EXPECT_EQ(settings.at("spin"), false);
}

TEST_F(Repeat, GoesWithNoFlagThatDecidesWhatIsMeasured) {
  measure_once();
  expect_refusal({"--repeat", at("one"), "--attempts", "5"}, "--repeat and --attempts exclude each other");
}

TEST_F(Repeat, NeedsARecordThatSaysWhatWasAskedFor) {
  expect_refusal({"--repeat", at("nowhere")}, "there is no run.json, so this is no run");
  std::filesystem::create_directory(at("other"));
  for (const auto& [text, said] :
       {std::pair{"{", "its run.json is damaged"}, std::pair{"{}", "its run.json has no settings"},
        std::pair{R"({"settings": {"attempts": 5}})", "its setting 'attempts' is damaged"},
        std::pair{R"({"settings": {"speed": "5"}})", "this connbench does not know its setting 'speed'"},
        std::pair{R"({"settings": {"attempts": "five"}})", "--attempts"}}) {
    std::ofstream(at("other/run.json")) << text;
    expect_refusal({"--repeat", at("other")}, said);
  }
}

}  // namespace
}  // namespace connbench
