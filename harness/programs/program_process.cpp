#include "harness/programs/program_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "harness/process/descendants.h"
#include "harness/process/known_state.h"

namespace connbench {
namespace {

constexpr size_t longest_line = 64 * 1024;
constexpr size_t kept_of_errors = 2048;

struct Pipe {
  UniqueFd read{-1}, write{-1};
};

Pipe make_pipe() {
  int ends[2];
  checked(::pipe2(ends, O_CLOEXEC), "pipe2");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

void reset_signals() {
  for (int number = 1; number <= SIGRTMAX; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void do_not_block(const UniqueFd& fd) {
  checked(::fcntl(fd.get(), F_SETFL, O_NONBLOCK), "fcntl(O_NONBLOCK)");
}

}  // namespace

std::string printable(std::string_view text, size_t most) {
  std::string shown(text.substr(0, most));
  std::ranges::replace_if(
      shown, [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return shown;
}

struct ProgramProcess::Pipes {
  Pipe input = make_pipe(), output = make_pipe(), errors = make_pipe(), go = make_pipe(), failed = make_pipe();
  pid_t pid = -1;

  [[noreturn]] void become(const Command& command, pid_t parent) noexcept {
    die_with_parent(parent);
    ::setsid();  // signals of the terminal are not meant for it
    char byte = 0;
    go.write.reset(-1);
    if (::read(go.read.get(), &byte, 1) != 1) ::_exit(1);
    std::vector<std::string_view> unset(command.unset.begin(), command.unset.end());
    remove_variables(unset);
    reset_signals();
    if (command.prepare) prepare(command);
    std::vector<char*> words{const_cast<char*>(command.path.c_str())};
    for (const std::string& argument : command.arguments) words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);
    const bool connected = ::dup2(input.read.get(), STDIN_FILENO) >= 0 &&
                           ::dup2(output.write.get(), STDOUT_FILENO) >= 0 &&
                           ::dup2(errors.write.get(), STDERR_FILENO) >= 0;
    if (connected) ::execv(words[0], words.data());
    give_up(errno);
  }

 private:
  void prepare(const Command& command) noexcept try { command.prepare(); } catch (const std::system_error& error) {
    give_up(error.code().value());
  }

  [[noreturn]] void give_up(int error) noexcept {
    [[maybe_unused]] const ssize_t written = ::write(failed.write.get(), &error, sizeof error);
    ::_exit(1);
  }
};

ProgramProcess::ProgramProcess(const Command& command)
    : ProgramProcess(command, [&] {
        Pipes pipes;
        const pid_t parent = ::getpid();
        pipes.pid = checked(::fork(), "fork");
        if (pipes.pid == 0) pipes.become(command, parent);
        return pipes;
      }()) {}

ProgramProcess::ProgramProcess(const Command& command, Pipes pipes)
    : child_(pipes.pid),
      pidfd_(pidfd_of(pipes.pid)),
      go_(std::move(pipes.go.write)),
      failed_(std::move(pipes.failed.read)),
      to_(std::move(pipes.input.write)),
      from_(std::move(pipes.output.read)),
      errors_(std::move(pipes.errors.read)),
      path_(command.path),
      allowed_(longest_line) {
  for (const UniqueFd* fd : {&to_, &from_, &errors_}) do_not_block(*fd);
}

pid_t ProgramProcess::in_proc() const noexcept {
  return number_in_proc(pidfd_.get());
}

void ProgramProcess::execute() {
  if (::write(go_.get(), "", 1) != 1) checked(-1, "write(pipe)");
  int error = 0;
  ssize_t length = -1;
  do length = ::read(failed_.get(), &error, sizeof error);  // ends when the program runs
  while (length < 0 && errno == EINTR);
  if (length != sizeof error) return;
  const char* hint = error == ENOEXEC  ? "; a script needs a first line such as #!/usr/bin/env python3"
                     : error == EACCES ? "; chmod +x makes it executable"
                     : error == ENOENT && ::access(path_.c_str(), F_OK) == 0
                         ? "; its first line names an interpreter that is not there"
                         : "";
  throw std::runtime_error(fmt::format("{} cannot be executed: {}{}", path_, std::strerror(error), hint));
}

void ProgramProcess::send(std::string_view text) {
  unsent_.erase(0, std::exchange(sent_, 0));
  unsent_ += text;
  write_on();
}

void ProgramProcess::end_input() {
  end_input_ = true;
  write_on();
}

void ProgramProcess::write_on() {
  while (to_ && sent_ < unsent_.size()) {
    const ssize_t written = ::write(to_.get(), unsent_.data() + sent_, unsent_.size() - sent_);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) return;
    if (written < 0) to_.reset(-1);
    if (written > 0) sent_ += static_cast<size_t>(written);
  }
  if (end_input_) to_.reset(-1);
}

// @return false at the end
bool ProgramProcess::read_lines() {
  std::array<char, 65536> part;
  const ssize_t length = ::read(from_.get(), part.data(), part.size());
  if (length > 0) lines_.append(part.data(), static_cast<size_t>(length));
  return length > 0 || (length < 0 && (errno == EAGAIN || errno == EINTR));
}

void ProgramProcess::read_errors() {
  std::array<char, 65536> part;
  const ssize_t length = errors_ ? ::read(errors_.get(), part.data(), part.size()) : 0;
  if (length < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (length <= 0) return errors_.reset(-1);
  last_errors_.append(part.data(), static_cast<size_t>(length));
  if (last_errors_.size() > kept_of_errors) last_errors_.erase(0, last_errors_.size() - kept_of_errors);
}

ProgramEvent ProgramProcess::next(TimePoint until) {
  using enum ProgramEvent::Kind;
  while (true) {
    const size_t end = lines_.find('\n', taken_);
    if (end != std::string::npos && end - taken_ < std::min(longest_line, allowed_)) {
      ProgramEvent event{line, lines_.substr(taken_, end - taken_)};
      allowed_ -= end + 1 - taken_;
      taken_ = end + 1;
      return event;
    }
    if (end != std::string::npos || lines_.size() - taken_ >= std::min(longest_line, allowed_))
      return {flood, lines_.substr(taken_, kept_of_errors)};
    lines_.erase(0, std::exchange(taken_, 0));
    if (!open_ && ends_before(TimePoint{})) return {ended, std::exchange(lines_, "")};
    pollfd watched[] = {{to_ && sent_ < unsent_.size() ? to_.get() : -1, POLLOUT, 0},
                        {open_ ? from_.get() : -1, POLLIN, 0},
                        {errors_ ? errors_.get() : -1, POLLIN, 0},
                        {pidfd_.get(), POLLIN, 0}};
    const timespec time = to_timespec(until - now());
    if (::ppoll(watched, std::size(watched), &time, nullptr) == 0) return {nothing, ""};
    if (watched[0].revents != 0) write_on();
    if (watched[2].revents != 0) read_errors();
    if (watched[1].revents != 0)
      open_ = read_lines();
    else if (watched[3].revents != 0)
      open_ = false;  // something that it has left behind may hold its stdout
  }
}

bool ProgramProcess::ends_before(TimePoint time) const noexcept {
  return child_.ended_within(time - now());
}

std::string ProgramProcess::last_words() {
  pollfd readable{errors_ ? errors_.get() : -1, POLLIN, 0};
  while (errors_ && ::poll(&readable, 1, 0) == 1) {
    read_errors();
    readable.fd = errors_ ? errors_.get() : -1;
    if (last_errors_.size() == kept_of_errors) break;  // it may write without end
  }
  std::string_view text = last_errors_;
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  text.remove_prefix(std::min(text.rfind('\n') + 1, text.size()));
  return printable(text, 200);
}

}  // namespace connbench
