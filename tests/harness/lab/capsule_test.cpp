#include "harness/lab/capsule.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <filesystem>

#include "harness/process/privileges.h"
#include "harness/support/proc_file.h"
#include "tests/support/plain_sockets.h"
#include "tests/support/sanitizer.h"

namespace connbench::lab {
namespace {

using plain::patience_ms;
using plain::ready_within;
using testing::HasSubstr;

class Capsule : public testing::Test {
 protected:
  void SetUp() override {
    try {
      run_in_capsule([](Rights) { return 0; });
    } catch (const Unavailable& error) {
      GTEST_SKIP() << error.what();
    }
  }
};

std::string namespace_of_this_process(const char* kind) {
  return std::filesystem::read_symlink(std::string("/proc/self/ns/") + kind);
}

TEST_F(Capsule, ReturnsTheExitStatus) {
  EXPECT_EQ(run_in_capsule([](Rights) { return 0; }), 0);
  EXPECT_EQ(run_in_capsule([](Rights) { return 37; }), 37);
}

TEST_F(Capsule, HasItsOwnNetworkAndProcesses) {
  const std::string network = namespace_of_this_process("net");
  const std::string mounts = namespace_of_this_process("mnt");
  EXPECT_EQ(run_in_capsule([&](Rights) {
              if (::getpid() != 1) return 1;
              if (namespace_of_this_process("net") == network) return 2;
              if (namespace_of_this_process("mnt") == mounts) return 3;
              return read_text("/proc/self/stat").value_or("").starts_with("1 ") ? 0 : 4;
            }),
            0);
}

TEST_F(Capsule, KeepsTheUser) {
  const uid_t user = ::geteuid();
  EXPECT_EQ(run_in_capsule([user](Rights) { return ::geteuid() == user ? 0 : 1; }), 0);
}

TEST_F(Capsule, LeavesTheCallerInItsNamespaces) {
  const std::string network = namespace_of_this_process("net");
  run_in_capsule([](Rights) { return 0; });
  EXPECT_EQ(namespace_of_this_process("net"), network);
  EXPECT_NE(::getpid(), 1);
}

TEST_F(Capsule, RethrowsExceptions) {
  EXPECT_THROW(run_in_capsule([](Rights) -> int { throw Unavailable("no"); }), Unavailable);
  EXPECT_THROW(run_in_capsule([](Rights) -> int { throw std::invalid_argument("no"); }), std::invalid_argument);
  try {
    run_in_capsule([](Rights) -> int { throw std::runtime_error("the disk is full"); });
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "the disk is full");
  }
}

TEST_F(Capsule, ReportsASignalThatKilledTheChild) {
  try {
    run_in_capsule([](Rights) -> int {
      ::signal(SIGSEGV, SIG_DFL);
      *static_cast<volatile int*>(nullptr) = 1;
      return 0;
    });
    FAIL() << "it ended normally";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("signal"));
  }
}

TEST_F(Capsule, GrantsNoRightsToAProcessThatDroppedThem) {
  EXPECT_EQ(run_in_capsule([](Rights) {
              drop_capabilities();
              return ::unshare(CLONE_NEWNET) == -1 && errno == EPERM ? 0 : 1;
            }),
            0);
}

// A pipe whose writing end a process in the capsule holds. End of file on the reading end means that every such process
// is gone.
struct Pipe {
  UniqueFd reading{-1};
  UniqueFd writing{-1};
  Pipe() {
    int ends[2];
    checked(::pipe2(ends, O_CLOEXEC), "pipe2");
    reading.reset(ends[0]);
    writing.reset(ends[1]);
  }
};

pid_t creator_of_an_endless_capsule(Pipe& pipe) {
  const pid_t creator = checked(::fork(), "fork");
  if (creator == 0) {
    try {
      run_in_capsule([&](Rights) {
        if (::fork() >= 0 && ::write(pipe.writing.get(), "+", 1) == 1)
          for (;;) ::pause();
        return 1;
      });
    } catch (const std::exception&) {
    }
    ::_exit(0);
  }
  pipe.writing.reset(-1);
  char byte = 0;
  EXPECT_TRUE(ready_within(pipe.reading, patience_ms) && ::read(pipe.reading.get(), &byte, 1) == 1);
  return creator;
}

bool reaches_end_of_file(const UniqueFd& reading) {
  char bytes[2];
  ssize_t got = 1;
  while (got > 0 && ready_within(reading, patience_ms)) got = ::read(reading.get(), bytes, sizeof bytes);
  return got == 0;
}

TEST_F(Capsule, DiesWithItsCreator) {
  Pipe pipe;
  const pid_t creator = creator_of_an_endless_capsule(pipe);
  ::kill(creator, SIGKILL);
  ::waitpid(creator, nullptr, 0);
  EXPECT_TRUE(reaches_end_of_file(pipe.reading));
}

TEST_F(Capsule, IsEndedBySignalsToItsCreator) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    Pipe pipe;
    const pid_t creator = creator_of_an_endless_capsule(pipe);
    ::kill(creator, number);
    EXPECT_TRUE(reaches_end_of_file(pipe.reading)) << strsignal(number);
    ::waitpid(creator, nullptr, 0);
  }
}

}  // namespace
}  // namespace connbench::lab
