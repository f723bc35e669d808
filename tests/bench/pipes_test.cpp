// Output that cannot be written: the same status in the lab and outside, and complete records.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "harness/lab/lab.h"
#include "tests/bench/program.h"
#include "tests/bench/records.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

enum class Stdout : uint8_t { closed_pipe, closed, full };
enum class Stderr : uint8_t { fine, closed_pipe, closed, full };

// A pipe whose reader has left.
int closed_pipe() {
  int ends[2];
  if (::pipe(ends) != 0) ::_exit(could_not_execute);
  ::close(ends[0]);
  return ends[1];
}

void spoil(int standard, bool pipe, bool closed) {
  if (closed)
    ::close(standard);
  else
    ::dup2(pipe ? closed_pipe() : ::open("/dev/full", O_WRONLY | O_CLOEXEC), standard);
}

struct Spoilt {
  std::optional<Stdout> out{};
  Stderr err = Stderr::fine;
  bool sigpipe_ignored = false;  // as under some supervisors

  void operator()() const {
    ::signal(SIGPIPE, sigpipe_ignored ? SIG_IGN : SIG_DFL);
    if (out) spoil(STDOUT_FILENO, *out == Stdout::closed_pipe, *out == Stdout::closed);
    if (err != Stderr::fine) spoil(STDERR_FILENO, err == Stderr::closed_pipe, err == Stderr::closed);
  }
  int status(int otherwise) const {
    if (!out || otherwise != 0) return otherwise;
    return *out == Stdout::closed_pipe ? 128 + SIGPIPE : 5;
  }
  std::string message() const {
    if (!out || *out == Stdout::closed_pipe || err != Stderr::fine) return "";
    return fmt::format("cannot write to stdout: {}",
                       *out == Stdout::full ? "No space left on device" : "Bad file descriptor");
  }
};

std::vector<Spoilt> every_way_to_spoil() {
  std::vector<Spoilt> ways;
  for (const Stdout out : {Stdout::closed_pipe, Stdout::closed, Stdout::full}) {
    for (const bool ignored : {false, true})
      ways.push_back({.out = out, .err = Stderr::fine, .sigpipe_ignored = ignored});
    ways.push_back({.out = out, .err = Stderr::full});
  }
  for (const Stderr err : {Stderr::closed_pipe, Stderr::closed, Stderr::full}) ways.push_back({.out = {}, .err = err});
  return ways;
}

void expect_the_convention(const std::vector<std::string>& words, int otherwise,
                           const std::vector<Spoilt>& ways = every_way_to_spoil()) {
  for (const Spoilt& way : ways) {
    const Ended ended = connbench(words, way);
    EXPECT_EQ(ended.status, way.status(otherwise)) << words.front() << " " << ended.signal << " " << ended.err;
    if (const std::string said = way.message(); !said.empty() && otherwise == 0) {
      EXPECT_THAT(ended.err, HasSubstr(said));
    }
  }
}

class Pipes : public testing::Test {
 protected:
  std::string out() const { return folder_.path() / "out"; }

  // Of a command that leaves records.
  void expect_complete_records(const std::vector<std::string>& command, int otherwise = 0) {
    auto words = command;
    words.insert(words.end(), {"--out", out()});
    for (const Spoilt& way : every_way_to_spoil()) {
      const Ended ended = connbench(words, way);
      EXPECT_EQ(ended.status, way.status(otherwise)) << ended.signal << " " << ended.err;
      EXPECT_EQ(json_of(out() + "/run.json").at("complete"), true) << ended.err;
      std::filesystem::remove_all(out());
    }
  }

  TemporaryFolder folder_;
};

TEST_F(Pipes, CommandsThatOnlyPrint) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"--help"}, {"help"}, {"help", "run"}, {"run", "--help"}, {"--version"}, {"run", "--dry-run"}})
    expect_the_convention(words, 0);
}

// They ask every connector and measure the memory of attempts, which takes longer: each way once.
TEST_F(Pipes, CommandsThatExamine) {
  const std::vector<Spoilt> once{
      {.out = Stdout::closed_pipe}, {.out = Stdout::closed}, {.out = Stdout::full}, {.out = {}, .err = Stderr::full}};
  for (const std::string command : {"list", "doctor"}) expect_the_convention({command}, 0, once);
  expect_the_convention({"list", "--format", "json"}, 0, once);
  expect_the_convention({"doctor", "--format", "json"}, 0, {{.out = Stdout::full}});
}

TEST_F(Pipes, CommandsThatAreRefused) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{{"nonsense"},
                                                                                     {"run", "--nonsense"},
                                                                                     {"exhaust", "nonsense"},
                                                                                     {"probe", "--only", "S999"},
                                                                                     {"trace", "--target", "nonsense"}})
    expect_the_convention(words, 2);
}

const std::vector<std::string> a_run{"run",        "--connector", "epoll",         "--attempts", "50",
                                     "--syscalls", "off",         "--repetitions", "1"};

TEST_F(Pipes, ARunOutsideTheLab) {
  expect_complete_records(a_run);
}

TEST_F(Pipes, ARunWhoseCheckFailsKeepsItsStatus) {
  expect_complete_records({"run", "--connector", "epoll", "--target", "accepting", "--concurrency", "1", "--attempts",
                           "20000", "--wave-limit", "20ms", "--syscalls", "off", "--repetitions", "1"},
                          1);
}

TEST_F(Pipes, ARunInTheLab) {
  if (const auto why_not = lab::why_no_lab()) GTEST_SKIP() << *why_not;
  auto words = a_run;
  words.insert(words.end(), {"--target", "delayed:2ms"});
  expect_complete_records(words);
}

TEST_F(Pipes, ExhaustOutsideTheLabAndInIt) {
  for (const std::string family : {"unix", "4"})
    expect_complete_records({"exhaust", "fds", "--limit", "64", "--connector", "epoll", "--repetitions", "1",
                             "--timeout", "200ms", "--family", family});
}

TEST_F(Pipes, Probe) {
  expect_complete_records({"probe", "--only", "S1"});
}

TEST_F(Pipes, Trace) {
  if (const auto why_not = lab::why_no_lab()) GTEST_SKIP() << *why_not;
  for (const std::string format : {"text", "json"})
    expect_the_convention({"trace", "--target", "delayed:2ms", "--format", format}, 0);
}

// A closed stream must not lend its number to a record.
TEST_F(Pipes, NothingIsPrintedIntoARecord) {
  auto words = a_run;
  words.insert(words.end(), {"--out", out()});
  connbench(words, [] {
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::close(standard);
  });
  EXPECT_EQ(rows_of(out() + "/samples.csv").size(), 50U);
  EXPECT_EQ(json_of(out() + "/run.json").at("complete"), true);
}

class PipesOfBenchmarks : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Every, PipesOfBenchmarks,
                         testing::Values("connect_bench", "timeout_bench", "primitives_bench", "floor_bench",
                                         "lab_bench", "link_bench", "overshoot_bench", "pacing_bench", "pending_bench",
                                         "scale_bench"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(PipesOfBenchmarks, FailWhenTheirOutputCannotBeWritten) {
  for (const Spoilt& way : every_way_to_spoil()) {
    const std::string program = std::string(CONNBENCH_PROGRAMS) + "/" + GetParam();
    const Ended ended = Program({program, "--benchmark_list_tests"}, way).wait();
    EXPECT_EQ(ended.status, way.status(0)) << ended.signal << " " << ended.err;
  }
}

}  // namespace
}  // namespace connbench
