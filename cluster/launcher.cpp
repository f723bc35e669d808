#include "cluster/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace connbench::cluster {
namespace {

// mpirun forwards its end to every host, and waits for them.
constexpr Duration until_killed = std::chrono::seconds(8);

void reset_signals() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGCHLD, SIGCONT}) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace

Launcher::Launcher(const std::vector<std::string>& command) : Launcher(start(command)) {}

Launcher::Launcher(Started started)
    : process_(started.pid), stream_(std::move(started.in), std::move(started.out)), log_(std::move(started.log)) {}

Launcher::Started Launcher::start(const std::vector<std::string>& command) {
  int to[2], from[2];
  checked(::pipe2(to, O_CLOEXEC), "pipe2");
  checked(::pipe2(from, O_CLOEXEC), "pipe2");
  UniqueFd log(checked(::memfd_create("connbench-launcher-log", MFD_CLOEXEC), "memfd_create"));
  checked(::fcntl(log.get(), F_SETFL, O_APPEND), "fcntl(O_APPEND)");
  const pid_t parent = ::getpid();
  const pid_t pid = checked(::fork(), "fork");
  if (pid != 0) {
    ::close(to[0]);
    ::close(from[1]);
    return {pid, UniqueFd(from[0]), UniqueFd(to[1]), std::move(log)};
  }
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // SIGKILL would leave it no time to end the ranks
  if (::getppid() != parent) ::_exit(0);
  ::setsid();
  reset_signals();
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const bool connected =
      ::dup2(to[0], STDIN_FILENO) >= 0 && ::dup2(from[1], STDOUT_FILENO) >= 0 && ::dup2(log.get(), STDERR_FILENO) >= 0;
  if (connected) ::execvp(words[0], words.data());
  const std::string why = fmt::format("{} cannot be started: {}\n", command.front(), std::strerror(errno));
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, why.data(), why.size());
  ::_exit(127);
}

std::string Launcher::end(Duration patience) {
  if (!status_) {
    stream_.close_output();
    if (!process_.ended_within(patience)) ::kill(process_.pid(), SIGTERM);
    if (!process_.ended_within(until_killed)) process_.kill();
    status_ = process_.collect();
  }
  return how_it_ended(*status_);
}

std::string Launcher::log() const {
  constexpr size_t most = 1024 * 1024;
  std::string text(most, '\0');
  const ssize_t length = ::pread(log_.get(), text.data(), text.size(), 0);
  text.resize(static_cast<size_t>(std::max<ssize_t>(length, 0)));
  return text;
}

}  // namespace connbench::cluster
