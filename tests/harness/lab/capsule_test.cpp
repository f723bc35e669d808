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

TEST_F(Capsule, HandsOnTheStatusOfWhatRanInside) {
  EXPECT_EQ(run_in_capsule([](Rights) { return 0; }), 0);
  EXPECT_EQ(run_in_capsule([](Rights) { return 37; }), 37);
}

TEST_F(Capsule, IsItsOwnNetworkAndItsOwnProcesses) {
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

TEST_F(Capsule, KeepsTheUserWhoMadeIt) {
  const uid_t user = ::geteuid();
  EXPECT_EQ(run_in_capsule([user](Rights) { return ::geteuid() == user ? 0 : 1; }), 0);
}

TEST_F(Capsule, LeavesTheCallerWhereItWas) {
  const std::string network = namespace_of_this_process("net");
  run_in_capsule([](Rights) { return 0; });
  EXPECT_EQ(namespace_of_this_process("net"), network);
  EXPECT_NE(::getpid(), 1);
}

TEST_F(Capsule, HandsOnWhatWasThrownInside) {
  EXPECT_THROW(run_in_capsule([](Rights) -> int { throw Unavailable("no"); }), Unavailable);
  EXPECT_THROW(run_in_capsule([](Rights) -> int { throw std::invalid_argument("no"); }), std::invalid_argument);
  try {
    run_in_capsule([](Rights) -> int { throw std::runtime_error("the disk is full"); });
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "the disk is full");
  }
}

TEST_F(Capsule, SaysThatASignalEndedWhatRanInside) {
  try {
    run_in_capsule([](Rights) -> int {
      ::signal(SIGSEGV, SIG_DFL);
      *static_cast<volatile int*>(nullptr) = 1;
      return 0;
    });
    FAIL() << "it ended as if nothing had happened";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("signal"));
  }
}

TEST_F(Capsule, GivesNoRightsToThoseWhoGiveThemUp) {
  EXPECT_EQ(run_in_capsule([](Rights) {
              drop_capabilities();
              return ::unshare(CLONE_NEWNET) == -1 && errno == EPERM ? 0 : 1;
            }),
            0);
}

// A process in the capsule holds the writing end: when the reading end is at its end, all of them are gone.
struct Held {
  UniqueFd reading{-1};
  UniqueFd writing{-1};
  Held() {
    int ends[2];
    checked(::pipe2(ends, O_CLOEXEC), "pipe2");
    reading.reset(ends[0]);
    writing.reset(ends[1]);
  }
};

pid_t maker_of_an_endless_capsule(Held& held) {
  const pid_t maker = checked(::fork(), "fork");
  if (maker == 0) {
    try {
      run_in_capsule([&](Rights) {
        if (::fork() >= 0 && ::write(held.writing.get(), "+", 1) == 1)
          for (;;) ::pause();
        return 1;
      });
    } catch (const std::exception&) {
    }
    ::_exit(0);
  }
  held.writing.reset(-1);
  char byte = 0;
  EXPECT_TRUE(ready_within(held.reading, patience_ms) && ::read(held.reading.get(), &byte, 1) == 1);
  return maker;
}

bool is_at_its_end(const UniqueFd& reading) {
  char bytes[2];
  ssize_t got = 1;
  while (got > 0 && ready_within(reading, patience_ms)) got = ::read(reading.get(), bytes, sizeof bytes);
  return got == 0;
}

TEST_F(Capsule, DiesWithItsMakerAndWithEverythingInIt) {
  Held held;
  const pid_t maker = maker_of_an_endless_capsule(held);
  ::kill(maker, SIGKILL);
  ::waitpid(maker, nullptr, 0);
  EXPECT_TRUE(is_at_its_end(held.reading));
}

TEST_F(Capsule, IsEndedByTheSignalsThatItsMakerGets) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    Held held;
    const pid_t maker = maker_of_an_endless_capsule(held);
    ::kill(maker, number);
    EXPECT_TRUE(is_at_its_end(held.reading)) << strsignal(number);
    ::waitpid(maker, nullptr, 0);
  }
}

}  // namespace
}  // namespace connbench::lab
