// What every command prints around its tables.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/support/text_table.h"

namespace connbench {

/// How wide a line on stdout may be.
size_t screen_width();
/// One paragraph per warning.
void print_warnings(const std::vector<std::string>& warnings);
/// Where the records are, and what to do with them next: scripts/report, once they are complete.
void print_records(const std::filesystem::path& folder, bool complete);
/// Says on stderr that the table shows only a part, and returns the exit status.
int interrupted(const std::filesystem::path& folder, int signal);
/// The same when nothing was timed yet, so that there is no table.
int interrupted_while_counting(int signal);
/// The same where a process died that the run cannot do without.
int broken_by_death_of(const std::string& process);

}  // namespace connbench
