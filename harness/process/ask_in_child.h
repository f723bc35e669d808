// Asks a question in a short-lived child process, because asking it changes the process that asks (namespaces,
// tracing).
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "harness/support/unique_fd.h"

namespace connbench {

using Question = std::function<std::string()>;

struct ChildAnswer {
  bool ok;           ///< the question returned; false: it threw, or its process died
  std::string text;  ///< what it returned, or why there is no answer
};

/// A forked child that answers one question through a pipe. It dies with its parent and with this object.
class AskedChild {
 public:
  /// Call it while the process has one thread. @throws std::system_error when no child can be made
  explicit AskedChild(const Question& question);
  ~AskedChild();
  AskedChild(const AskedChild&) = delete;
  AskedChild& operator=(const AskedChild&) = delete;

  /// Readable when read_on() has something to do.
  int fd() const noexcept { return from_.get(); }
  /// Reads what has arrived, without waiting. False at the end of the answer.
  bool read_on();
  /// Call it after read_on() has returned false.
  ChildAnswer answer() const;

 private:
  UniqueFd from_{-1};
  pid_t pid_ = -1;
  std::string text_;
};

/// Asks `question` in a child and waits for the answer. Call it while the process has one thread.
/// @throws std::system_error when no child can be made
ChildAnswer ask_in_child(const Question& question);

}  // namespace connbench
