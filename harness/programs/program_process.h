// A running program, from the side of the process that talks to it: lines to its stdin, lines from its stdout.
#pragma once

#include <sys/types.h>

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/process/child_process.h"
#include "harness/support/clock.h"
#include "harness/support/unique_fd.h"

namespace connbench {

/// What a program wrote, for a message: at most `most` characters, each of them printable ASCII.
std::string printable(std::string_view text, size_t most = 100);

/// What a program did next.
struct ProgramEvent {
  enum class Kind {
    line,     ///< it wrote `text`
    ended,    ///< it has ended, and everything that it wrote was read; `text` is what came after its last line
    nothing,  ///< the time was over
    flood     ///< a line, or what it wrote altogether, is longer than is allowed
  };
  Kind kind;
  std::string text;
};

/// The process of a program, in a session of its own. It dies with its owner. Signals and their mask are in the state
/// in which a shell would start it.
class ProgramProcess {
 public:
  struct Command {
    std::string path;
    std::vector<std::string> arguments;
    std::vector<std::string> unset;   ///< variables that it is not given; "EVENT_*" = all that begin so
    std::function<void()> prepare{};  ///< called in its process, just before it is executed. @throws std::system_error
  };

  /// Forks. The process waits until execute(): what is attached to it before counts nothing of ours.
  /// @throws std::system_error
  explicit ProgramProcess(const Command& command);
  ProgramProcess(const ProgramProcess&) = delete;
  ProgramProcess& operator=(const ProgramProcess&) = delete;

  pid_t pid() const noexcept { return child_.pid(); }
  /// As number_in_proc().
  pid_t in_proc() const noexcept;
  /// @throws std::runtime_error when the program cannot be executed, with the reason
  void execute();

  /// Sends `text` as the program reads it: next() writes it. Nothing happens when the program reads no more.
  void send(std::string_view text);
  /// Closes its stdin, once everything was sent.
  void end_input();
  /// It may write this much from now on. A line may have at most 64 KiB.
  void allow(size_t bytes) noexcept { allowed_ = bytes; }
  /// Waits for its next line, its end, or `until`.
  ProgramEvent next(TimePoint until);

  bool ends_before(TimePoint time) const noexcept;
  /// Waits for its end. @return its status, as waitpid() gives it
  int collect() noexcept { return child_.collect(); }
  /// The last line that it wrote to stderr; "" = nothing.
  std::string last_words();

 private:
  struct Pipes;
  ProgramProcess(const Command& command, Pipes pipes);
  bool read_lines();
  void read_errors();
  void write_on();

  ChildProcess child_;
  UniqueFd pidfd_, go_, failed_, to_, from_, errors_;
  std::string path_;
  std::string unsent_;
  size_t sent_ = 0;
  std::string lines_;  // read, not yet returned
  size_t taken_ = 0;   // of lines_
  std::string last_errors_;
  size_t allowed_;
  bool end_input_ = false;
  bool open_ = true;  // its stdout
};

}  // namespace connbench
