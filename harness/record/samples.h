// samples.csv (or samples.csv.zst): one row per attempt. results/README.md explains every column.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "harness/record/csv.h"
#include "harness/record/recorded_wave.h"
#include "harness/wave/case.h"

namespace connbench {

/// Which attempts get a row: all of them, those that did not connect, or none.
enum class SamplesKept : uint8_t { all, failures, none };

/// "all", "failures" or "none", as on the command line.
std::string_view to_string(SamplesKept kept) noexcept;
/// @throws std::invalid_argument that lists the valid values
SamplesKept parse_samples_kept(std::string_view text);

/// The name of the file.
std::string_view samples_file(Compression compression) noexcept;

/// Appends the rows of one wave, about a MiB at a time. Attempts that were never offered before the wave was stopped
/// get none.
/// @param should_stop asked after each MiB: true leaves out the rows that are still to come
/// @return how many attempts got no row for one of these reasons
/// @throws std::system_error when they cannot be written; the file then ends at a whole row
size_t append_samples(
    CsvFile& file, const RecordedWave& recorded, SamplesKept kept,
    const std::function<bool()>& should_stop = [] { return false; });

/// About how many bytes the rows of one wave of `what` will take, before compression; for `failures`, if every attempt
/// fails.
uint64_t estimate_samples_bytes(std::string_view run_id, const Case& what, SamplesKept kept);

}  // namespace connbench
