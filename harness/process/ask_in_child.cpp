#include "harness/process/ask_in_child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include <array>
#include <cerrno>
#include <exception>

#include "harness/machine/shortage.h"
#include "harness/process/child_process.h"
#include "harness/process/descriptor_table.h"

namespace connbench {
namespace {

// The first character distinguishes an answer from an exception: an exit status is lost where SIGCHLD is ignored.
constexpr char answered = '+';
constexpr char threw = '-';

[[noreturn]] void answer_question(const Question& question, pid_t parent, int to) noexcept {
  die_with_parent(parent);
  close_inherited_descriptors();  // a question may need low numbers: select() takes none above 1023
  std::string text;
  try {
    text = answered + question();
  } catch (const std::exception& error) {
    text = std::string(1, threw) + with_remedy(error);
  }
  for (size_t at = 0; at < text.size();) {
    const ssize_t written = ::write(to, text.data() + at, text.size() - at);
    if (written < 0 && errno != EINTR) ::_exit(1);
    if (written > 0) at += static_cast<size_t>(written);
  }
  ::_exit(0);
}

}  // namespace

AskedChild::AskedChild(const Question& question) {
  int ends[2];
  checked(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), "pipe2");
  from_.reset(ends[0]);
  const UniqueFd to(ends[1]);
  ::fcntl(to.get(), F_SETFL, 0);  // the writer may block
  const pid_t parent = ::getpid();
  pid_ = checked(::fork(), "fork");
  if (pid_ == 0) answer_question(question, parent, to.get());
}

AskedChild::~AskedChild() {
  ::kill(pid_, SIGKILL);  // its pid cannot be reused before it is waited for
  wait_for_child(pid_);
}

bool AskedChild::read_on() {
  std::array<char, 4096> part;
  ssize_t length;
  while ((length = ::read(from_.get(), part.data(), part.size())) > 0)
    text_.append(part.data(), static_cast<size_t>(length));
  return length < 0 && (errno == EAGAIN || errno == EINTR);
}

ChildAnswer AskedChild::answer() const {
  if (text_.empty()) return {false, "the child process died before it answered"};
  return {text_[0] == answered, text_.substr(1)};
}

ChildAnswer ask_in_child(const Question& question) {
  AskedChild child(question);
  while (child.read_on()) {
    pollfd readable{.fd = child.fd(), .events = POLLIN, .revents = 0};
    ::poll(&readable, 1, -1);
  }
  return child.answer();
}

}  // namespace connbench
