// What a program that serves as a connector reads and writes (docs/programs.md), as text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "harness/connector/connector.h"
#include "harness/wave/sample.h"
#include "harness/wave/wave.h"

namespace connbench {

/// What a program got wrong, as the end of a sentence that begins with "the program".
struct ProgramFault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The line that tells a program its wave. @param schedule when attempts are due, from the start; empty in a closed
/// loop
std::string wave_line(const WaveSpec& spec, std::span<const Duration> schedule);

/// When each attempt of an open loop is due; empty in a closed loop.
std::vector<Duration> schedule_of(const WaveSpec& spec);

/// The bound of the error of a program's clock, from its line `ready {"clock_error_ns": 0}`.
/// @throws ProgramFault
int64_t read_ready(std::string_view line);

/// Reads the records of a wave into its samples. Its sentences say what a program got wrong.
class ProgramRecords {
 public:
  struct Window {
    TimePoint begin, end;  ///< of the wave
    Duration clock_error;
  };
  /// @param schedule as for wave_line()
  ProgramRecords(std::span<Sample> samples, const WaveSpec& spec, std::span<const Duration> schedule, Window window);

  /// `ID STARTED FINISHED OUTCOME [STAGE]`. @throws ProgramFault
  void add(std::string_view line);
  /// After the last line. @throws ProgramFault when attempts have no record
  void finish() const;

  /// The runtime's own words for outcomes, and how often each was used.
  const std::map<std::string, size_t, std::less<>>& own_words() const noexcept { return own_words_; }

 private:
  ConnectResult result_of(std::string_view outcome, std::string_view stage, uint64_t id, bool begun);
  void check_times(uint64_t id, int64_t started, int64_t finished) const;
  sa_family_t family_of(uint64_t id) const;

  std::span<Sample> samples_;
  const WaveSpec& spec_;
  std::span<const Duration> schedule_;
  Window window_;
  size_t recorded_ = 0;
  std::map<std::string, size_t, std::less<>> own_words_;
};

}  // namespace connbench
