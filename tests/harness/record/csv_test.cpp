#include "harness/record/csv.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <algorithm>
#include <functional>
#include <system_error>
#include <utility>
#include <vector>

#include "harness/record/file.h"
#include "harness/support/sanitized.h"
#include "tests/support/python_csv.h"
#include "tests/support/refused_calls.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Csv, QuotesOnlyWhenNecessary) {
  EXPECT_EQ(csv_field("epoll+wait:50ms"), "epoll+wait:50ms");
  EXPECT_EQ(csv_field(""), "");
  EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_field("say \"no\""), "\"say \"\"no\"\"\"");
  EXPECT_EQ(csv_field("two\nlines"), "\"two\nlines\"");
}

TEST(CsvFile, CanBeReadByAnotherParser) {
  TemporaryFolder folder;
  CsvFile file(folder.path() / "x.csv", "a,b");
  const std::vector<std::string> awkward = {"fleet:accepting=90,blackhole=10", "say \"no\"", "two\r\nlines", "\"", ","};
  for (const auto& field : awkward) file.append(csv_field(field) + ",1\r\n");
  const auto rows = read_with_python(folder.path() / "x.csv");
  ASSERT_EQ(rows.size(), awkward.size() + 1);
  EXPECT_THAT(rows[0], ElementsAre("a", "b"));
  for (size_t i = 0; i < awkward.size(); ++i) EXPECT_THAT(rows[i + 1], ElementsAre(awkward[i], "1"));
}

TEST(CsvFile, EndsItsRowsWithCrLf) {
  TemporaryFolder folder;
  CsvFile file(folder.path() / "x.csv", "a,b");
  file.append("1,2\r\n3,4\r\n");
  EXPECT_EQ(content_of(folder.path() / "x.csv"), "a,b\r\n1,2\r\n3,4\r\n");
}

TEST(CsvFile, UnpacksToTheSameRows) {
  TemporaryFolder folder;
  CsvFile plain(folder.path() / "x.csv", "a,b"), packed(folder.path() / "x.csv.zst", "a,b", Compression::zstd);
  for (const std::string& rows : {std::string("1,2\r\n3,4\r\n"), std::string(), std::string("5,6\r\n")}) {
    plain.append(rows);
    packed.append(rows);
  }
  plain.finish();
  packed.finish();
  EXPECT_EQ(read_with_python(folder.path() / "x.csv.zst"), read_with_python(folder.path() / "x.csv"));
}

// A kill may come at any byte of a write. What stands before is all there, and nothing else is.
TEST(CsvFile, KeepsEverythingBeforeACutWhenItIsCompressed) {
  TemporaryFolder folder;
  const auto path = folder.path() / "x.csv.zst";
  CsvFile file(path, "a,b", Compression::zstd);
  file.append("1,2\r\n");
  const auto first = std::filesystem::file_size(path);
  file.append("3,4\r\n5,6\r\n");
  const Rows all = read_with_python(path);
  ASSERT_EQ(all.size(), 4U);
  for (auto size = std::filesystem::file_size(path) - 1; size >= first; --size) {
    std::filesystem::resize_file(path, size);
    const Rows rows = read_with_python(path);
    EXPECT_THAT(rows.size(), testing::AllOf(testing::Ge(2U), testing::Le(4U))) << size;
    EXPECT_TRUE(std::equal(rows.begin(), rows.end(), all.begin())) << size;
  }
}

TEST(CsvFile, NeverOverwritesAFile) {
  TemporaryFolder folder;
  const auto path = folder.path() / "x.csv";
  CsvFile first(path, "a");
  try {
    CsvFile second(path, "b");
    ADD_FAILURE() << "overwritten";
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code(), std::errc::file_exists);
    EXPECT_THAT(e.what(), HasSubstr("x.csv"));
  }
  EXPECT_EQ(content_of(path), "a\r\n");
}

// A limit on the file size simulates a full disk without special rights: the write that reaches it is short, and the
// next one fails.
void limit_file_size(rlim_t bytes) {
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit = {bytes, bytes};
  checked(::setrlimit(RLIMIT_FSIZE, &limit), "setrlimit");
}

TEST(CsvFile, EndsAtAWholeRowWhenTheDiskFillsUp) {
  TemporaryFolder folder;
  const auto path = folder.path() / "x.csv";
  const int status = in_child([&] {
    CsvFile file(path, "number,text");
    limit_file_size(100);  // in the middle of the second block
    file.append("1,first\r\n2,second\r\n");
    try {
      file.append("3,third\r\n4," + std::string(100, 'x') + "\r\n");
    } catch (const std::system_error& e) {
      return e.code() == std::errc::file_too_large && std::string(e.what()).find("x.csv") != std::string::npos ? 7 : 8;
    }
    return 9;
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_EQ(content_of(path), "number,text\r\n1,first\r\n2,second\r\n");
}

TEST(CsvFile, ContinuesWhenThereIsSpaceAgain) {
  TemporaryFolder folder;
  const auto path = folder.path() / "x.csv";
  const int status = in_child([&] {
    CsvFile file(path, "a");
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit tight = {5, RLIM_INFINITY}, wide = {RLIM_INFINITY, RLIM_INFINITY};
    checked(::setrlimit(RLIMIT_FSIZE, &tight), "setrlimit");
    try {
      file.append("lost\r\n");
    } catch (const std::system_error&) {
    }
    checked(::setrlimit(RLIMIT_FSIZE, &wide), "setrlimit");
    file.append("kept\r\n");
    return 0;
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(content_of(path), "a\r\nkept\r\n");
}

TEST(CsvFile, LosesNoAppendedRowWhenTheProcessIsKilled) {
  TemporaryFolder folder;
  const auto path = folder.path() / "x.csv";
  const int status = in_child([&] {
    CsvFile file(path, "a");
    file.append("1\r\n");
    return ::raise(SIGKILL);
  });
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(content_of(path), "a\r\n1\r\n");
}

// Each way in which another program can take the file away.
TEST(CsvFile, NoticesThatItsFileIsNoLongerTheSame) {
  using Change = std::function<void(const std::filesystem::path&)>;
  const auto append = [](const std::filesystem::path& path, const char* more) {
    std::ofstream(path, std::ios::app) << more;
  };
  const std::vector<std::pair<const char*, Change>> changes{
      {"disappeared", [](const auto& path) { std::filesystem::remove(path); }},
      {"disappeared", [](const auto& path) { std::filesystem::rename(path, path.string() + ".old"); }},
      {"replaced or changed", [](const auto& path) { write_atomically(path, "a\r\n1\r\n"); }},
      {"replaced or changed", [](const auto& path) { std::filesystem::resize_file(path, 1); }},
      {"replaced or changed", [&](const auto& path) { append(path, "2\r\n"); }},
      {"replaced or changed", [](const auto& path) {
         std::filesystem::rename(path, path.string() + ".old");
         std::filesystem::create_symlink(path.string() + ".old", path);
       }}};
  for (const auto& [said, change] : changes) {
    TemporaryFolder folder;
    const auto path = folder.path() / "x.csv";
    CsvFile file(path, "a");
    file.append("1\r\n");
    change(path);
    const auto matches =
        testing::ThrowsMessage<std::runtime_error>(testing::AllOf(HasSubstr("x.csv"), HasSubstr(said)));
    EXPECT_THAT([&] { file.append("3\r\n"); }, matches);
    EXPECT_THAT([&] { file.finish(); }, matches);
  }
}

// In a child, in which a system call fails: status 7 when `write` says so with the file's name.
int status_without(unsigned system_call, const std::function<void()>& write) {
  const int status = in_child([&] {
    refuse(system_call);
    try {
      write();
    } catch (const std::system_error& error) {
      return std::string(error.what()).find("x.") != std::string::npos ? 7 : 8;
    }
    return 9;
  });
  return WEXITSTATUS(status);
}

TEST(CsvFile, ReportsThatTheDiskHasNotTakenIt) {
  TemporaryFolder folder;
  CsvFile file(folder.path() / "x.csv", "a");
  for (const int call : {SYS_fsync, SYS_close})
    EXPECT_EQ(status_without(static_cast<unsigned>(call), [&] { file.finish(); }), 7) << call;
}

TEST(WriteAtomically, ReportsEveryCallThatFailsAndKeepsTheOldContent) {
  TemporaryFolder folder;
  const auto path = folder.path() / "x.json";
  write_atomically(path, "old");
  for (const int call : {SYS_openat, SYS_write, SYS_fsync, SYS_close, SYS_renameat}) {
    if (sanitized && call == SYS_write) continue;  // the child says by write() what it found
    EXPECT_EQ(status_without(static_cast<unsigned>(call), [&] { write_atomically(path, "new", Durable::yes); }), 7)
        << call;
    EXPECT_EQ(content_of(path), "old") << call;
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1) << call;
  }
}

TEST(WriteAtomically, LeavesAloneWhatALinkOfItsNamesPointsTo) {
  TemporaryFolder folder;
  write_atomically(folder.path() / "victim", "mine");
  for (const char* link : {"x.json", "x.json.tmp"}) {
    std::filesystem::create_symlink(folder.path() / "victim", folder.path() / link);
    write_atomically(folder.path() / "x.json", "new");
    EXPECT_EQ(content_of(folder.path() / "victim"), "mine") << link;
    EXPECT_EQ(content_of(folder.path() / "x.json"), "new") << link;
    EXPECT_FALSE(std::filesystem::is_symlink(folder.path() / "x.json")) << link;
  }
}

TEST(WriteAll, NamesTheFileOnAFullDevice) {
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full);
  try {
    write_all(full.get(), "data", "results/x/summary.csv");
    ADD_FAILURE() << "written";
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code(), std::errc::no_space_on_device);
    EXPECT_THAT(e.what(), HasSubstr("results/x/summary.csv"));
  }
}

TEST(WriteAtomically, ReplacesTheWholeContent) {
  TemporaryFolder folder;
  const auto path = folder.path() / "x.json";
  write_atomically(path, "a long first content");
  write_atomically(path, "second");
  EXPECT_EQ(content_of(path), "second");
}

TEST(WriteAtomically, KeepsTheOldContentAndLeavesNoTemporaryFileWhenItFails) {
  TemporaryFolder folder;
  const auto path = folder.path() / "x.json";
  write_atomically(path, "old");
  const int status = in_child([&] {
    limit_file_size(10);
    try {
      write_atomically(path, std::string(100, 'x'));
    } catch (const std::system_error& e) {
      return std::string(e.what()).find("x.json") != std::string::npos ? 7 : 8;
    }
    return 9;
  });
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_EQ(content_of(path), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

}  // namespace
}  // namespace connbench
