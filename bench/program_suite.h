// What `connbench check` asks of a program that is to be a connector.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness/connector/registry.h"
#include "harness/lab/lab.h"
#include "harness/programs/program.h"
#include "harness/run/openable.h"
#include "harness/targets/target.h"
#include "harness/wave/wave.h"

namespace connbench {

/// The result of one check.
struct ProgramVerdict {
  enum class Kind { passed, failed, skipped };
  Kind kind;
  std::string what;  ///< "accepting, IPv4"
  std::string why;   ///< a sentence; "" = there is nothing to say
};

/// The conformance suite for one program, which has described itself. Make and use it while the process has one thread.
class ProgramSuite {
 public:
  /// @param lab the lab that this process is in; nullptr, and then `why_no_lab` says why
  ProgramSuite(const NamedConnector& connector, lab::Lab* lab, const std::string& why_no_lab,
               std::function<void(const ProgramVerdict&)> report);

  void run();

 private:
  using Samples = std::span<const Sample>;
  struct Load;
  /// What is wrong with a wave; "" = nothing.
  using Judge = std::function<std::string(Samples)>;

  void every_target(Family family);
  void at_target(const NamedTarget& named, Family family);
  void schedule(Family family);
  void stop(Family family);
  void route(Family family);
  void many(Family family);
  void ways_to_close();

  void check(const std::string& what, const Load& load, const Judge& judge);
  WaveResult wave(const Load& load, SampleBuffer& samples);
  std::string judge_outcomes(const NamedTarget& named, const Load& load, Samples samples) const;
  std::string judge_deadlines(const Load& load, Samples samples) const;
  const Target& open(const NamedTarget& named, Family family);
  std::string why_not(const NamedTarget& named, Family family);
  size_t in_flight(size_t wanted) const;

  const NamedConnector& connector_;
  const ProgramDescription& description_;
  lab::Lab* lab_;
  Openable openable_;
  std::function<void(const ProgramVerdict&)> report_;
  std::map<std::pair<std::string, Family>, std::unique_ptr<Target>> open_;
};

}  // namespace connbench
