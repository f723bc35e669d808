#include "harness/process/server_process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <fstream>
#include <memory>
#include <system_error>
#include <tuple>

#include "harness/process/ask_in_child.h"
#include "tests/support/pipe.h"
#include "tests/support/plain_sockets.h"
#include "tests/support/refused_calls.h"

namespace connbench {
namespace {

UniqueFd make_pair(std::vector<UniqueFd>& given) {
  int ends[2];
  checked(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
  given.emplace_back(ends[1]);
  return UniqueFd(ends[0]);
}

// Sends back each byte that arrives on its first socket.
void echo(std::span<const int> sockets) {
  char byte = 0;
  while (::read(sockets[0], &byte, 1) == 1 && ::write(sockets[0], &byte, 1) == 1) {
  }
}

// Whether the server serves. Its set-up is over then, and signals sent before have been handled.
bool echoes(const UniqueFd& peer) {
  char byte = 'x';
  return ::write(peer.get(), &byte, 1) == 1 && plain::ready_within(peer, plain::patience_ms) &&
         ::read(peer.get(), &byte, 1) == 1 && byte == 'x';
}

TEST(ServerProcess, ServesItsSocketsFromAProcessOfItsOwn) {
  std::vector<UniqueFd> given;
  const UniqueFd peer = make_pair(given);
  const ServerProcess server(std::move(given), {}, echo);
  EXPECT_TRUE(echoes(peer));
  EXPECT_NE(server.pid(), ::getpid());
  std::string name;
  std::getline(std::ifstream("/proc/" + std::to_string(server.pid()) + "/comm"), name);
  EXPECT_EQ(name, "connbench-serve");
}

TEST(ServerProcess, IsTheOnlyOwnerOfItsSockets) {
  std::vector<UniqueFd> given;
  const UniqueFd peer = make_pair(given);
  { const ServerProcess server(std::move(given), {}, echo); }
  EXPECT_EQ(plain::receive(peer), plain::end_of_stream);
}

TEST(ServerProcess, OutlivesAForkOfItsOwner) {
  std::vector<UniqueFd> given;
  const UniqueFd peer = make_pair(given);
  auto server = std::make_unique<ServerProcess>(std::move(given), std::vector<int>{}, echo);
  const pid_t fork = checked(::fork(), "fork");
  if (fork == 0) {
    server.reset();
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(fork, nullptr, 0), fork);
  EXPECT_TRUE(echoes(peer));
}

TEST(ServerProcess, HoldsNoDescriptorButItsSocketsAndTheStandardOnes) {
  Pipe before;
  std::vector<UniqueFd> given;
  const UniqueFd first = make_pair(given);
  Pipe between;
  const UniqueFd second = make_pair(given);
  std::swap(given[0], given[1]);
  const ServerProcess server(std::move(given), {}, echo);
  before.writing.reset(-1);
  between.writing.reset(-1);
  EXPECT_TRUE(plain::ready_within(before.reading, plain::patience_ms)) << "the server holds the pipe";
  EXPECT_TRUE(plain::ready_within(between.reading, plain::patience_ms)) << "the server holds the pipe";
  EXPECT_TRUE(echoes(second)) << "the sockets keep the order in which they were given";
  EXPECT_FALSE(plain::ready_within(first, 0)) << "it has closed one of its own sockets";
}

TEST(ServerProcess, LeavesSignalsOfTheTerminalToItsParent) {
  std::vector<UniqueFd> given;
  const UniqueFd peer = make_pair(given);
  const ServerProcess server(std::move(given), {}, echo);
  ASSERT_TRUE(echoes(peer));
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::kill(server.pid(), signal);
  EXPECT_TRUE(echoes(peer));
}

TEST(ServerProcess, RaisesItsDescriptorLimitAndNotOurs) {
  rlimit ours{};
  checked(::getrlimit(RLIMIT_NOFILE, &ours), "getrlimit");
  const rlimit lowered{.rlim_cur = std::min<rlim_t>(256, ours.rlim_max), .rlim_max = ours.rlim_max};
  checked(::setrlimit(RLIMIT_NOFILE, &lowered), "setrlimit");
  std::vector<UniqueFd> given;
  const UniqueFd peer = make_pair(given);
  const ServerProcess server(std::move(given), {}, echo);
  EXPECT_TRUE(echoes(peer));
  rlimit its{};
  checked(::prlimit(server.pid(), RLIMIT_NOFILE, nullptr, &its), "prlimit");
  EXPECT_EQ(its.rlim_cur, ours.rlim_max);
  checked(::setrlimit(RLIMIT_NOFILE, &ours), "setrlimit");
}

TEST(ServerProcess, RunsOnTheProcessorsThatItWasGiven) {
  cpu_set_t allowed;
  checked(::sched_getaffinity(0, sizeof allowed, &allowed), "sched_getaffinity");
  int last = CPU_SETSIZE - 1;
  while (!CPU_ISSET(static_cast<size_t>(last), &allowed)) --last;
  const ServerProcess server({}, {last}, hold_open);
  cpu_set_t its;
  checked(::sched_getaffinity(server.pid(), sizeof its, &its), "sched_getaffinity");
  EXPECT_EQ(CPU_COUNT(&its), 1);
  EXPECT_TRUE(CPU_ISSET(static_cast<size_t>(last), &its));
}

TEST(ServerProcess, NamesTheCallForAProcessorThatDoesNotExistAndLeavesNoChild) {
  try {
    const ServerProcess server({}, {CPU_SETSIZE - 1}, hold_open);
    FAIL() << "this machine has 1024 processors";
  } catch (const std::system_error& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("sched_setaffinity"));
  }
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(ServerProcess, EndsWhenServeReturns) {
  const ServerProcess server({}, {}, [](std::span<const int>) {});
  EXPECT_TRUE(plain::ready_within(plain::watch_process(server.pid()), plain::patience_ms));
}

TEST(ServerProcess, SaysWhyItCouldNotGoOn) {
  const ServerProcess server(
      {}, {}, [](std::span<const int>) { throw std::system_error(EACCES, std::generic_category(), "the reason"); });
  const UniqueFd end = plain::watch_process(server.pid());
  ASSERT_TRUE(plain::ready_within(end, plain::patience_ms));
  EXPECT_EQ(server.failure(), "the reason: Permission denied");
}

// As in a container for an older kernel: the server has the sockets that were handed to it, and no others.
TEST(ServerProcess, KeepsNoOtherDescriptorsWhereCloseRangeIsRefused) {
  const ChildAnswer answer = ask_in_child([] {
    refuse(SYS_close_range);
    Pipe other;
    Pipe reply;
    std::vector<UniqueFd> kept;
    kept.push_back(UniqueFd(::dup(reply.writing.get())));
    const int unwanted = other.writing.get();
    const ServerProcess server(std::move(kept), {}, [unwanted](std::span<const int> fds) {
      const char seen = ::fcntl(unwanted, F_GETFD) < 0 ? 'n' : 'y';
      std::ignore = ::write(fds[0], &seen, 1);
      ::pause();
    });
    char seen = '?';
    if (!plain::ready_within(reply.reading, plain::patience_ms) || ::read(reply.reading.get(), &seen, 1) != 1)
      return std::string("nothing");
    return std::string(1, seen);
  });
  EXPECT_EQ(answer.text, "n");
}

}  // namespace
}  // namespace connbench
