#include "harness/process/known_state.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "harness/process/ask_in_child.h"
#include "tests/support/sanitizer.h"

namespace connbench {
namespace {

// Enters the known state in a child that `inherit` has prepared, and answers `question` there.
std::string in_known_state(const std::function<void()>& inherit, const Question& question) {
  const ChildAnswer answer = ask_in_child([&] {
    inherit();
    enter_known_state();
    return question();
  });
  return answer.ok ? answer.text : "failed: " + answer.text;
}

void ignore_all() {
  for (int number = 1; number <= SIGRTMAX; ++number) ::signal(number, SIG_IGN);
}

void block_all() {
  sigset_t all;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
}

std::string ignored() {
  std::string names;
  for (int number = 1; number <= SIGRTMAX; ++number)
    if (ignores(number)) names += std::string(names.empty() ? "" : " ") + ::sigabbrev_np(number);
  return names;
}

// Those by which a parent protects a process, or limits its time, are the parent's to choose.
TEST(KnownState, IgnoresOnlyWhatTheParentMayIgnore) {
  EXPECT_EQ(in_known_state(ignore_all, ignored), "HUP INT QUIT PIPE ALRM TERM TSTP TTIN TTOU XCPU XFSZ VTALRM PROF");
  EXPECT_EQ(in_known_state([] {}, ignored), "PIPE XFSZ");
}

TEST(KnownState, BlocksNoSignal) {
  EXPECT_EQ(in_known_state(block_all,
                           [] {
                             sigset_t blocked;
                             ::sigprocmask(SIG_BLOCK, nullptr, &blocked);
                             return std::string(sigisemptyset(&blocked) != 0 ? "none" : "some");
                           }),
            "none");
}

TEST(KnownState, DropsASignalThatWasMeantForTheProgramBefore) {
  const auto pending = [] {
    block_all();
    ::raise(SIGUSR1);
    ::raise(SIGRTMIN);
  };
  EXPECT_EQ(in_known_state(pending, [] { return std::string("alive"); }), "alive");
}

TEST(KnownState, DeliversAPendingRequestToEnd) {
  const auto pending = [] {
    block_all();
    ::raise(SIGTERM);
  };
  EXPECT_EQ(in_known_state(pending, [] { return std::string("alive"); }),
            "failed: the child process died before it answered");
}

TEST(KnownState, KeepsAHandler) {
  const auto install = [] { ::signal(SIGSEGV, [](int) {}); };
  EXPECT_EQ(in_known_state(install,
                           [] {
                             ::raise(SIGSEGV);
                             return std::string("handled");
                           }),
            "handled");
}

TEST(KnownState, OpensTheStandardDescriptors) {
  const auto close_them = [] {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::close(fd);
  };
  EXPECT_EQ(in_known_state(close_them,
                           [] {
                             std::string open;
                             for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
                               open += ::fcntl(fd, F_GETFD) >= 0 ? "+" : "-";
                             return open;
                           }),
            "+++");
}

TEST(KnownState, MakesTheProcessReadable) {
  EXPECT_EQ(
      in_known_state([] { ::prctl(PR_SET_DUMPABLE, 0); }, [] { return std::to_string(::prctl(PR_GET_DUMPABLE)); }),
      "1");
}

TEST(RemoveVariables, RemovesNamesAndBeginnings) {
  const ChildAnswer answer = ask_in_child([] {
    for (const char* name : {"LIBEV_FLAGS", "EVENT_NOEPOLL", "EVENT_NOPOLL", "EVENTS", "LIBEV_FLAGS_"})
      ::setenv(name, "1", 1);
    const std::string_view names[] = {"LIBEV_FLAGS", "EVENT_*", "NOT_THERE"};
    remove_variables(names);
    std::string left;
    for (const char* name : {"LIBEV_FLAGS", "EVENT_NOEPOLL", "EVENT_NOPOLL", "EVENTS", "LIBEV_FLAGS_"})
      if (::getenv(name) != nullptr) left += std::string(name) + " ";
    return left;
  });
  EXPECT_EQ(answer.text, "EVENTS LIBEV_FLAGS_ ");
}

}  // namespace
}  // namespace connbench
