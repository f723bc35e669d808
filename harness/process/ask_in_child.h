// Questions whose asking changes the asker (namespaces, tracing) are asked by a short-lived child.
#pragma once

#include <functional>
#include <string>

namespace connbench {

struct ChildAnswer {
  bool ok;           ///< `question` returned; otherwise it threw, or its process died
  std::string text;  ///< what it returned, or why there is no answer
};

/// Runs `question` in a forked child and waits for it. To be called while the process has one thread.
/// @throws std::system_error when no child can be made
ChildAnswer ask_in_child(const std::function<std::string()>& question);

}  // namespace connbench
