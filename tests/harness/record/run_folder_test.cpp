#include "harness/record/run_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <stdexcept>
#include <system_error>

#include "harness/record/file.h"
#include "harness/record/schema.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::ThrowsMessage;

TEST(RunFolder, IsCreatedWithItsParents) {
  TemporaryFolder folder;
  const RunFolder run(folder.path() / "a" / "b");
  EXPECT_TRUE(std::filesystem::is_directory(run.path()));
  EXPECT_EQ(run.file(run_file::run).path, folder.path() / "a" / "b" / "run.json");
}

TEST(RunFolder, LeavesNothingWhenNothingWasWritten) {
  TemporaryFolder folder;
  { const RunFolder run(folder.path() / "a" / "b"); }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  {
    RunFolder run(folder.path() / "a" / "b");
    run.write(run_file::run, "{}");
  }
  EXPECT_EQ(content_of(folder.path() / "a" / "b" / "run.json"), "{}");
}

TEST(RunFolder, StaysTheSameFolderWhenAnotherOneTakesItsName) {
  TemporaryFolder folder;
  RunFolder run(folder.path() / "mine");
  std::filesystem::rename(folder.path() / "mine", folder.path() / "moved");
  std::filesystem::create_directory(folder.path() / "mine");
  run.write(run_file::run, "{}");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path() / "mine"));
  EXPECT_EQ(content_of(folder.path() / "moved" / "run.json"), "{}");
  EXPECT_THAT([&] { run.finish(run_file::run, "complete"); },
              ThrowsMessage<std::runtime_error>(HasSubstr("mine was moved or removed")));
  EXPECT_EQ(content_of(folder.path() / "moved" / "run.json"), "{}");
}

TEST(RunFolder, IsNotOneInWhichAHostOfAClusterHasKeptSamples) {
  for (const char* name : {"samples.0.csv", "samples.12.csv.zst"}) {
    TemporaryFolder folder;
    write_atomically(folder.path() / name, "");
    EXPECT_THAT([&] { const RunFolder run(folder.path()); }, ThrowsMessage<std::invalid_argument>(HasSubstr(name)));
  }
  TemporaryFolder folder;
  for (const char* name : {"samples..csv", "samples.a.csv", "my-samples.1.csv", "samples.1.csv.gz.txt"})
    write_atomically(folder.path() / name, "");
  EXPECT_NO_THROW(RunFolder(folder.path()));
}

TEST(RunFolder, KnowsItsRecordsByWhateverNameTheyAreReached) {
  TemporaryFolder folder;
  const RunFolder run(folder.path() / "run");
  for (const char* name : {"samples.csv", "run.json.tmp", "exhaustion.csv", "matrix.csv", "lab.pcap"}) {
    write_atomically(folder.path() / "run" / name, "");
    std::filesystem::create_symlink(folder.path() / "run" / name, folder.path() / "link");
    const UniqueFd fd(::open((folder.path() / "link").c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(run.has_as_record(identity_of(fd.get(), "link")), std::string(name) != "lab.pcap") << name;
    std::filesystem::remove(folder.path() / "link");
  }
}

TEST(RunFolder, MayExistAndHoldUnrelatedFiles) {
  TemporaryFolder folder;
  EXPECT_NO_THROW(RunFolder(folder.path()));
  write_atomically(folder.path() / "notes.txt", "mine");
  EXPECT_NO_THROW(RunFolder(folder.path()));
  EXPECT_EQ(content_of(folder.path() / "notes.txt"), "mine");
}

TEST(RunFolder, RefusesAFolderThatHoldsARun) {
  for (std::string_view name : {run_file::run, run_file::summary, run_file::samples, run_file::benchmark,
                                run_file::aggregate, run_file::exhaustion, std::string_view("probe.csv"),
                                std::string_view("probe.md"), std::string_view("matrix.csv")}) {
    TemporaryFolder folder;
    write_atomically(folder.path() / name, "");
    EXPECT_THAT([&] { RunFolder run(folder.path()); },
                ThrowsMessage<std::invalid_argument>(
                    AllOf(HasSubstr(folder.path().string()), HasSubstr(std::string(name)), HasSubstr("--out"))));
  }
}

// Whoever could write into the folder before decides where such a link leads.
TEST(RunFolder, RefusesALinkWithTheNameOfARecordWhereverItLeads) {
  TemporaryFolder folder;
  std::filesystem::create_symlink("/nowhere/at/all", folder.path() / "benchmark.json");
  EXPECT_THROW(RunFolder{folder.path()}, std::invalid_argument);
}

TEST(RunFolder, ReportsThatItCannotBeCreated) {
  TemporaryFolder folder;
  write_atomically(folder.path() / "file", "");
  EXPECT_THAT([&] { RunFolder run(folder.path() / "file" / "run"); },
              ThrowsMessage<std::system_error>(AllOf(HasSubstr("file/run"), HasSubstr("--out"))));
}

TEST(RunFolder, ReportsThatItCannotBeWrittenTo) {
  TemporaryFolder folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0555));
  const int status = in_child([&] {
    if (::geteuid() == 0) checked(::setuid(65534), "setuid");  // root may write anywhere
    try {
      RunFolder run(folder.path());
    } catch (const std::system_error& e) {
      const std::string message = e.what();
      return e.code() == std::errc::permission_denied && message.find(folder.path().string()) != std::string::npos ? 7
                                                                                                                   : 8;
    }
    return 9;
  });
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST(RunId, SortsByTimeAndDiffersWithinASecond) {
  std::set<std::string> ids;
  for (int i = 0; i < 20; ++i) ids.insert(new_run_id());
  EXPECT_GE(ids.size(), 19U);
  EXPECT_THAT(*ids.begin(), MatchesRegex("20[0-9]{6}T[0-9]{6}Z-[0-9a-f]{6}"));
  EXPECT_EQ(default_run_folder("x"), "results/x");
}

}  // namespace
}  // namespace connbench
