// What every command prints around its tables.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/support/text_table.h"

namespace connbench {

/// Prints results on stdout. A command does not stop for a failure to do so: guarded() reports it when all is done.
void print_out(std::string_view text);
/// A line for people on stderr: "connbench: …". Nothing depends on it, so that its failure is ignored.
void say(std::string_view message);
/// The errno of the first print_out(), or of the final flush, that failed; 0 = stdout has everything.
int flush_out();

/// How wide a line on stdout may be.
size_t screen_width();
/// One paragraph per warning.
void print_warnings(const std::vector<std::string>& warnings);
/// One paragraph per reason why the machine was not fit to measure.
void print_unfit(const std::vector<std::string>& reasons);
/// Where the records are, and what to do with them next: connbench report, once they are complete.
void print_records(const std::filesystem::path& folder, bool complete);
/// Says on stderr that the table shows only a part, and returns the exit status.
int interrupted(const std::filesystem::path& folder, int signal);
/// The same when nothing was timed yet, so that there is no table.
int interrupted_while_counting(int signal);
/// The same when nothing has begun yet, because nobody reads the FIFO that output goes to.
int interrupted_while_waiting(int signal);
/// The same where a process died that the run cannot do without.
int broken_by_death_of(const std::string& process);

}  // namespace connbench
