// The commands of connbench that are programs of their own: found, started, and explained when they cannot be.
#include "bench/companions.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "tests/bench/program.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using testing::HasSubstr;

class Companions : public testing::Test {
 protected:
  /// Makes a program of this folder. `first_line` names its interpreter.
  void make(const std::string& name, const std::string& first_line, const std::string& text) {
    const std::filesystem::path path = folder_.path() / name;
    std::ofstream(path) << first_line << '\n' << text << '\n';
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }

  /// Runs connbench with the programs of this folder.
  Ended with_folder(const std::vector<std::string>& words) {
    return connbench(words, [&] { ::setenv("CONNBENCH_EXEC_PATH", folder_.path().c_str(), 1); });
  }

 private:
  TemporaryFolder folder_;
};

TEST_F(Companions, AreListedByHelp) {
  const std::string help = connbench({"--help"}).out;
  for (const Companion& companion : companions())
    EXPECT_THAT(help, HasSubstr(fmt::format("\n  {} ", companion.name))) << companion.name;
}

TEST_F(Companions, ReceiveTheArgumentsAndDecideTheStatus) {
  make("compare", "#!/bin/sh", "for word; do printf '<%s>' \"$word\"; done; exit 4");
  const Ended ended = with_folder({"compare", "a b", "--help", ""});
  EXPECT_EQ(ended.out, "<a b><--help><>");
  EXPECT_EQ(ended.status, 4);
}

TEST_F(Companions, AreAskedForTheirHelp) {
  make("exact", "#!/bin/sh", "echo \"$*\"");
  EXPECT_EQ(with_folder({"help", "exact"}).out, "--help\n");
}

TEST_F(Companions, AreThoseOfTheCheckoutInABuildFolder) {
  for (const Companion& companion : companions()) {
    const Ended command = connbench({std::string(companion.name), "--help"});
    const Ended script = Program({fmt::format("{}/scripts/{}", CONNBENCH_SOURCE_DIR, companion.name), "--help"}).wait();
    EXPECT_EQ(command.status, script.status) << command.err;
    EXPECT_EQ(command.out, script.out);
  }
}

TEST_F(Companions, ThatAreNotThereAreNamedWithARemedy) {
  const Ended ended = with_folder({"report", "x"});
  EXPECT_EQ(ended.status, 3);
  EXPECT_THAT(ended.err,
              testing::MatchesRegex("connbench: connbench report needs .*/report, which is not there: .*\n"));
  EXPECT_THAT(ended.err, HasSubstr("CONNBENCH_EXEC_PATH"));
}

TEST_F(Companions, WithoutTheirInterpreterSayWhatToInstall) {
  make("table", "#!/nowhere/python3", "");
  const Ended ended = with_folder({"table"});
  EXPECT_EQ(ended.status, 3);
  EXPECT_THAT(ended.err, HasSubstr("apt-get install python3"));
}

TEST_F(Companions, AreSuggestedForAMisspelledCommand) {
  const Ended ended = connbench({"regres"});
  EXPECT_EQ(ended.status, 2);
  EXPECT_THAT(ended.err, HasSubstr("did you mean 'regress'?"));
}

}  // namespace
}  // namespace connbench
