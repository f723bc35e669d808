// samples.csv: one row an attempt. results/README.md says what each column means.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "harness/record/csv.h"
#include "harness/scenarios/mix.h"
#include "harness/wave/sample.h"
#include "harness/wave/wave.h"

namespace connbench {

/// Which attempts get a row: all, those that did not connect, or none.
enum class SamplesKept : uint8_t { all, failures, none };

/// "all", "failures", "none": as on the command line.
std::string_view to_string(SamplesKept kept) noexcept;
/// @throws std::invalid_argument that says what is valid
SamplesKept parse_samples_kept(std::string_view text);

/// Appends the rows of one wave, about a MiB at a time. Of a fleet, `assignment` says each attempt's own target.
/// @throws std::system_error when they cannot be written: the file then ends at a whole row
void append_samples(CsvFile& file, std::string_view run_id, int64_t origin_ns, const WaveResult& wave,
                    std::span<const Sample> samples, SamplesKept kept, const Assignment* assignment = nullptr);

/// About how many bytes the rows of one wave of `what` will take: for `failures` what they take when every attempt
/// fails.
uint64_t estimate_samples_bytes(std::string_view run_id, const Case& what, SamplesKept kept);

}  // namespace connbench
