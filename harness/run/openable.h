// Whether the targets of a run can be opened on this machine.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "harness/connector/endpoint.h"
#include "harness/lab/lab.h"
#include "harness/targets/served_elsewhere.h"
#include "harness/targets/target.h"

namespace connbench {

/// Opens each target once on trial, in a child process, before a run is planned: what this machine lacks is then a
/// skipped case, and not the end of the run.
class Openable {
 public:
  /// `lab`: the lab this process is in, or nullptr; then `why_no_lab` says why there is none. `served`: where other
  /// hosts serve the targets, what they serve; else nullptr.
  Openable(lab::Lab* lab, std::string why_no_lab, const ServedElsewhere* served = nullptr)
      : lab_(lab), why_no_lab_(std::move(why_no_lab)), served_(served) {}

  /// Why `target` cannot be opened with this family, and what to do about it; nullopt when it can. Call it while the
  /// process has one thread. @throws std::system_error when no child can be made
  std::optional<std::string> why_not(const NamedTarget& target, Family family);

 private:
  std::optional<std::string> try_it(const NamedTarget& target, Family family) const;

  lab::Lab* lab_;
  std::string why_no_lab_;
  const ServedElsewhere* served_;
  std::map<std::pair<std::string, Family>, std::optional<std::string>> known_;
};

}  // namespace connbench
