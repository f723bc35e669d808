// What commands do to files: nothing before they may, only their own, and never a record that claims more than is
// there.
#include <gmock/gmock.h>

#include <functional>
#include <set>

#include "harness/lab/lab.h"
#include "tests/bench/program.h"
#include "tests/bench/records.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Outputs : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_.path() / name; }
  void make(const std::string& name) const { std::ofstream(path(name)) << "mine"; }
  std::vector<std::string> run(const std::string& target, std::initializer_list<std::string> more) const {
    std::vector<std::string> words{"run", "--connector", "epoll",         "--target", target,       "--attempts",
                                   "50",  "--quiet",     "--repetitions", "1",        "--syscalls", "off"};
    words.insert(words.end(), more);
    return words;
  }

  TemporaryFolder folder_;
};

class LabOutputs : public Outputs {
 protected:
  void SetUp() override {
    if (const auto why_not = lab::why_no_lab()) GTEST_SKIP() << *why_not;
  }
};

TEST_F(LabOutputs, ARunThatIsNotMadeLeavesTheCaptureFileAlone) {
  make("pcap");
  std::filesystem::create_directory(path("taken"));
  make("taken/summary.csv");
  const std::string pcap = path("pcap"), out = path("out");
  const std::vector<std::pair<int, std::vector<std::string>>> refused{
      {0, run("accepting", {"--pcap", pcap, "--out", out, "--dry-run"})},
      {2, run("accepting", {"--pcap", pcap, "--out", path("taken")})},
      {5, run("accepting", {"--pcap", pcap, "--out", "/proc/nowhere/run"})},
      {3, run("delayed:5ms", {"--pcap", pcap, "--out", out, "--family", "unix"})},
      {3,
       {"run", "--connector", "epoll", "--target", "blackhole", "--attempts", "90000000", "--concurrency", "90000000",
        "--pcap", pcap, "--out", out}},
      {2, run("accepting", {"--pcap", pcap, "--out", out, "--sysctl", "net.ipv4.nonsense=1"})}};
  for (const auto& [status, words] : refused) {
    const Ended ended = connbench(words);
    EXPECT_EQ(ended.status, status) << ended.err;
    EXPECT_EQ(content_of(pcap), "mine") << ended.err;
    EXPECT_FALSE(std::filesystem::exists(out)) << ended.err;
  }
}

TEST_F(LabOutputs, ARunThatIsNotMadeCreatesNoCaptureFile) {
  for (const std::string target : {"accepting", "delayed:5ms"}) {
    connbench(run(target, {"--pcap", path("pcap"), "--out", path("out"), "--dry-run"}));
    connbench(run(target, {"--pcap", path("pcap"), "--out", "/proc/nowhere/run"}));
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
  }
}

TEST_F(LabOutputs, TheCaptureIsNoFileOfTheRunByWhateverNameItIsReached) {
  std::filesystem::create_directory(path("beside"));
  for (const char* record : {"run.json", "samples.csv", "summary.csv", "benchmark.json", "benchmark-aggregate.json",
                             "run.json.tmp", "benchmark.json.tmp", "samples.csv.zst"}) {
    const std::string name = std::string("out/") + record;
    std::filesystem::create_symlink(path(name), path("link"));
    for (const std::string& pcap : {path(name), path("link"), path("beside/../") + name}) {
      const Ended ended = connbench(run("accepting", {"--pcap", pcap, "--out", path("out")}));
      EXPECT_EQ(ended.status, 2) << ended.err;
      EXPECT_THAT(ended.err, AllOf(HasSubstr(pcap), HasSubstr("is one of the files of this run")));
      EXPECT_FALSE(std::filesystem::exists(path("out"))) << "nothing of the refused run stays";
    }
    std::filesystem::remove(path("link"));
  }
}

TEST_F(LabOutputs, TheCaptureMayLieAmongTheRecords) {
  const Ended ended = connbench(run("accepting", {"--pcap", path("out/lab.pcap"), "--out", path("out")}));
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_EQ(json_of(path("out/run.json")).at("complete"), true);
  EXPECT_GT(std::filesystem::file_size(path("out/lab.pcap")), 1000U);
}

TEST_F(LabOutputs, NoOutputGoesWhereStdoutGoes) {
  const Ended dash = connbench(run("accepting", {"--pcap", "-", "--out", path("out")}));
  EXPECT_EQ(dash.status, 2);
  EXPECT_THAT(dash.err, HasSubstr("--pcap: '-' is no file"));
  for (const std::vector<std::string>& words : {run("accepting", {"--pcap", path("same"), "--out", path("out")}),
                                                {"trace", "--pcap", path("same")},
                                                {"trace", "--out", path("same")}}) {
    const Ended ended = connbench(
        words, [this] { ::dup2(::open(path("same").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644), STDOUT_FILENO); });
    EXPECT_EQ(ended.status, 2) << ended.err;
    EXPECT_THAT(ended.err, HasSubstr("is where stdout goes"));
    EXPECT_EQ(content_of(path("same")), "");
    EXPECT_FALSE(std::filesystem::exists(path("out")));
  }
}

TEST_F(LabOutputs, ATraceThatIsNotMadeLeavesItsFilesAlone) {
  make("pcap");
  make("out");
  const std::vector<std::string> files{"--pcap", path("pcap"), "--out", path("out")};
  const auto trace = [&](
                         std::vector<std::string> more, const std::function<void()>& prepare = [] {}) {
    more.insert(more.begin(), "trace");
    more.insert(more.end(), files.begin(), files.end());
    return connbench(more, prepare).status;
  };
  EXPECT_EQ(trace({"--connector", "nonsense"}), 2);
  EXPECT_EQ(trace({"--sysctl", "net.ipv4.nonsense=1"}), 2);
  EXPECT_EQ(trace({}, [] { refuse(SYS_unshare); }), 3);
  EXPECT_EQ(content_of(path("pcap")), "mine");
  EXPECT_EQ(content_of(path("out")), "mine");
  const Ended same = connbench({"trace", "--pcap", path("new"), "--out", path("new")});
  EXPECT_EQ(same.status, 2);
  EXPECT_THAT(same.err, HasSubstr("is the file of --pcap"));
  EXPECT_FALSE(std::filesystem::exists(path("new")));
}

// Links that somebody has prepared under every name that a command writes, final or temporary.
TEST_F(Outputs, NoPreparedLinkIsFollowed) {
  const std::vector<std::pair<std::vector<std::string>, std::vector<std::string>>> commands{
      {run("accepting", {}), {"run.json", "samples.csv", "summary.csv", "benchmark.json", "benchmark-aggregate.json"}},
      {run("accepting", {"--samples-format", "zst"}), {"samples.csv.zst"}},
      {{"exhaust", "fds", "--limit", "64", "--connector", "epoll", "--quiet"}, {"run.json", "exhaustion.csv"}},
      {{"probe", "--only", "S1"}, {"run.json", "probe.csv", "probe.md", "matrix.csv"}}};
  make("victim");
  for (const auto& [command, names] : commands)
    for (const std::string& name : names)
      for (const std::string& link : {name, name + ".tmp"}) {
        std::filesystem::create_directory(path("out"));
        std::filesystem::create_symlink(path("victim"), path("out/") + link);
        auto words = command;
        words.insert(words.end(), {"--out", path("out")});
        if (link == name) {
          const Ended ended = connbench(words);
          EXPECT_EQ(ended.status, 2) << command.front() << " " << link;
          EXPECT_THAT(ended.err, HasSubstr("already holds a run"));
        } else if (command.front() != "probe" || name == "probe.md") {  // one slow command is enough
          EXPECT_EQ(connbench(words).status, 0) << command.front() << " " << link;
        }
        EXPECT_EQ(content_of(path("victim")), "mine") << command.front() << " " << link;
        std::filesystem::remove_all(path("out"));
      }
}

TEST_F(Outputs, NoUnrelatedFileIsOverwritten) {
  std::filesystem::create_directory(path("out"));
  make("out/probe.md");
  const Ended ended = connbench({"probe", "--only", "S6", "--out", path("out")});
  EXPECT_EQ(ended.status, 2);
  EXPECT_EQ(content_of(path("out/probe.md")), "mine");
}

// A run that waits for its last wave, while somebody else changes its records.
class ChangedRecords : public Outputs {
 protected:
  Ended run_while(const std::function<void()>& change) const {
    std::vector<std::string> words{"run",        "--connector", "epoll", "--target", "backlog-full",  "--attempts",
                                   "50",         "--timeout",   "1s",    "--quiet",  "--repetitions", "2",
                                   "--syscalls", "off",         "--out", path("out")};
    words.insert(words.begin(), CONNBENCH_PROGRAM);
    Program program(words);
    wait_until(program, [&] { return std::ranges::count(content_of(path("out/summary.csv")), '\n') >= 2; });
    change();
    return program.wait();
  }
};

TEST_F(ChangedRecords, ARunIsNotCompleteWithoutItsFiles) {
  for (const std::string name : {"samples.csv", "summary.csv", "benchmark.json", "benchmark-aggregate.json"}) {
    const Ended ended = run_while([&] { std::filesystem::remove(path("out/") + name); });
    const bool rewritten = name.starts_with("benchmark");  // after the wave: it is there again
    EXPECT_EQ(ended.status, rewritten ? 0 : 5) << name << ended.err;
    if (!rewritten) {
      EXPECT_THAT(ended.err, AllOf(HasSubstr(name), HasSubstr("disappeared")));
    }
    EXPECT_EQ(json_of(path("out/run.json")).at("complete"), rewritten) << name;
    std::filesystem::remove_all(path("out"));
  }
}

TEST_F(ChangedRecords, ARunIsNotCompleteWithFilesThatAreNotItsOwn) {
  const Ended ended = run_while([&] {
    std::filesystem::rename(path("out/summary.csv"), path("out/old"));
    std::filesystem::copy_file(path("out/old"), path("out/summary.csv"));
  });
  EXPECT_EQ(ended.status, 5);
  EXPECT_THAT(ended.err, AllOf(HasSubstr("summary.csv"), HasSubstr("replaced or changed")));
  EXPECT_EQ(json_of(path("out/run.json")).at("complete"), false);
}

TEST_F(ChangedRecords, ARunWhoseFolderIsReplacedWritesNothingElsewhere) {
  const Ended ended = run_while([&] {
    std::filesystem::rename(path("out"), path("moved"));
    std::filesystem::create_directory(path("victim"));
    std::filesystem::create_symlink(path("victim"), path("out"));
  });
  EXPECT_EQ(ended.status, 5);
  EXPECT_THAT(ended.err, HasSubstr("was moved or removed"));
  EXPECT_TRUE(std::filesystem::is_empty(path("victim")));
  EXPECT_EQ(rows_of(path("moved/summary.csv")).size(), 2U) << "what was measured is all there";
  EXPECT_EQ(json_of(path("moved/run.json")).at("complete"), false);
}

TEST_F(ChangedRecords, ATableIsShownEvenIfTheRecordsCannotBeFinished) {
  const Ended ended = connbench(run("accepting", {"--out", path("out")}), [] { refuse(SYS_fsync); });
  EXPECT_EQ(ended.status, 5);
  EXPECT_THAT(ended.out, AllOf(HasSubstr("connects/s"), Not(HasSubstr("scripts/report"))));
  EXPECT_THAT(ended.err, HasSubstr(path("out")));
  EXPECT_EQ(json_of(path("out/run.json")).at("complete"), false);
}

}  // namespace
}  // namespace connbench
