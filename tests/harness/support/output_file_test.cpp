#include "harness/support/output_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <stdexcept>

#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

class OutputFileTest : public testing::Test {
 protected:
  std::string path(const char* name = "out") const { return folder_.path() / name; }
  void make(const char* name, const char* content) const { std::ofstream(path(name)) << content; }

  TemporaryFolder folder_;
};

TEST_F(OutputFileTest, ChangesNothingBeforeItBegins) {
  make("out", "mine");
  { const OutputFile file("--pcap", path()); }
  EXPECT_EQ(content_of(path()), "mine");
  {
    OutputFile file("--pcap", path());
    file.begin();
    file.write("new");
  }
  EXPECT_EQ(content_of(path()), "new");
}

TEST_F(OutputFileTest, RemovesWhatItHasCreatedUnlessItBegan) {
  { const OutputFile file("--pcap", path()); }
  EXPECT_FALSE(std::filesystem::exists(path()));
  std::filesystem::create_symlink(path("elsewhere"), path("link"));
  { const OutputFile file("--pcap", path("link")); }
  EXPECT_FALSE(std::filesystem::exists(path("elsewhere")));
  EXPECT_TRUE(std::filesystem::is_symlink(path("link"))) << "the link was there";
  { OutputFile("--pcap", path("link")).begin(); }
  EXPECT_TRUE(std::filesystem::exists(path("elsewhere")));
}

TEST_F(OutputFileTest, RefusesWhatCannotBeWrittenWithTheFlag) {
  std::filesystem::create_directory(path("folder"));
  for (const std::string& bad : {path("folder"), path("no/where"), std::string("-")})
    EXPECT_THAT([&] { OutputFile("--pcap", bad); },
                ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("--pcap"), HasSubstr(bad))));
}

TEST_F(OutputFileTest, RefusesTheFileThatStdoutOrStderrGoesTo) {
  for (const int standard : {STDOUT_FILENO, STDERR_FILENO}) {
    const int status = in_child([&] {
      checked(::dup2(UniqueFd(::open(path().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644)).get(), standard), "dup2");
      std::filesystem::create_hard_link(path(), path("other-name"));
      try {
        const OutputFile file("--pcap", path("other-name"));
      } catch (const std::invalid_argument& error) {
        return std::string(error.what()).find(standard == STDOUT_FILENO ? "stdout" : "stderr") != std::string::npos ? 7
                                                                                                                    : 8;
      }
      return 9;
    });
    EXPECT_EQ(WEXITSTATUS(status), 7);
    std::filesystem::remove(path("other-name"));
  }
}

TEST_F(OutputFileTest, MayBeTheSameNullDeviceAsStdout) {
  const int status = in_child([&] {
    checked(::dup2(UniqueFd(::open("/dev/null", O_WRONLY | O_CLOEXEC)).get(), STDOUT_FILENO), "dup2");
    OutputFile("--pcap", "/dev/null").write("x");
    return 7;
  });
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST_F(OutputFileTest, WaitsForTheReaderOfAFifoUntilToldToGiveUp) {
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  int asked = 0;
  const OutputFile nobody("--pcap", path(), [&] { return ++asked == 3; });
  EXPECT_FALSE(nobody);
  EXPECT_EQ(asked, 3);
  UniqueFd reader(-1);
  OutputFile read("--pcap", path(), [&] {
    reader.reset(::open(path().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    return false;
  });
  ASSERT_TRUE(read);
  read.begin();
  read.write("packets");
  char got[16]{};
  EXPECT_EQ(::read(reader.get(), got, sizeof got), 7);
}

}  // namespace
}  // namespace connbench
