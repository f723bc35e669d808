#include "harness/process/ask_in_child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <array>

#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

// The first character tells an answer from an exception: an exit status is lost where SIGCHLD is ignored.
constexpr char answered = '+';
constexpr char threw = '-';

[[noreturn]] void answer(const std::function<std::string()>& question, int to) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::string text;
  try {
    text = answered + question();
  } catch (const std::exception& error) {
    text = std::string(1, threw) + error.what();
  }
  const ssize_t written = ::write(to, text.data(), text.size());
  ::_exit(written == static_cast<ssize_t>(text.size()) ? 0 : 1);
}

std::string read_all(int from) {
  std::string text;
  std::array<char, 512> part;
  ssize_t length;
  while ((length = ::read(from, part.data(), part.size())) > 0 || (length < 0 && errno == EINTR)) {
    if (length > 0) text.append(part.data(), static_cast<size_t>(length));
  }
  return text;
}

}  // namespace

ChildAnswer ask_in_child(const std::function<std::string()>& question) {
  int ends[2];
  checked(::pipe2(ends, O_CLOEXEC), "pipe2");
  const UniqueFd from(ends[0]);
  UniqueFd to(ends[1]);
  const pid_t child = checked(::fork(), "fork");
  if (child == 0) answer(question, to.get());
  to.reset(-1);
  const std::string text = read_all(from.get());
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (text.empty()) return {false, "the child that was to find out died"};
  return {text[0] == answered, text.substr(1)};
}

}  // namespace connbench
