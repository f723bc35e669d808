// results/README.md documents the schema. It must not fall behind the code.
#include "harness/record/schema.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "harness/record/benchmark_json.h"
#include "harness/record/exhaustion.h"
#include "harness/record/run_json.h"
#include "harness/record/summary.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

const std::string& schema() {
  static const std::string text = content_of(std::filesystem::path(CONNBENCH_SOURCE_DIR) / "results" / "README.md");
  return text;
}

std::string in_code(std::string_view name) {
  return fmt::format("`{}`", name);
}

// The part of the schema between the heading "## `name`" and the next one.
std::string section(std::string_view name) {
  const auto begin = schema().find(fmt::format("\n## `{}`", name));
  if (begin == std::string::npos) return "";
  return schema().substr(begin, schema().find("\n## ", begin + 1) - begin);
}

void expect_columns(std::string_view file) {
  for (const std::string_view column : columns_of(file))
    EXPECT_NE(section(file).find(in_code(column)), std::string::npos) << column << " is not explained";
}

TEST(Schema, ExplainsEveryFile) {
  for (const std::string_view name : run_files()) EXPECT_NE(schema().find(in_code(name)), std::string::npos) << name;
}

TEST(Schema, ExplainsEveryColumnOfSamples) {
  expect_columns(run_file::samples);
}

TEST(Schema, ExplainsEveryColumnOfTheSummary) {
  expect_columns(run_file::summary);
}

TEST(Schema, ExplainsEveryColumnOfExhaustion) {
  expect_columns(run_file::exhaustion);
}

TEST(Schema, ListsTheColumnsOfEveryTable) {
  EXPECT_EQ(columns_of("samples.csv").size(), 21U);
  EXPECT_EQ(columns_of("samples.csv").front(), "run_id");
  EXPECT_EQ(columns_of("samples.csv").back(), "protocol");
  EXPECT_TRUE(columns_of("run.json").empty());
  EXPECT_TRUE(columns_of("no such file").empty());
}

TEST(Schema, CountsTheOutcomesInTheirOrder) {
  const auto columns = columns_of(run_file::summary);
  auto column = std::ranges::find(columns, "connected");
  for (const Outcome outcome : all_outcomes()) EXPECT_EQ(*column++, to_string(outcome));
}

TEST(Schema, ExplainsEveryLimitKindOfExhaustion) {
  for (const char* kind : {"rlimit_nproc", "pids_max", "rlimit_nofile", "rlimit_as", "port_range", "machine"})
    EXPECT_NE(section("exhaustion.csv").find(in_code(kind)), std::string::npos) << kind;
}

TEST(Schema, ExplainsEveryKeyOfARamp) {
  const TemporaryFolder folder;
  ExhaustionRecorder recorder(RunFolder(folder.path()), RunInfo{}, nlohmann::ordered_json::object());
  recorder.end({.connector = "epoll"}, RampStep{}, RampEnd{});
  const auto document = nlohmann::json::parse(content_of(folder.path() / "run.json"));
  for (const auto& [key, value] : document.at("exhaustion").at("ramps").at(0).items())
    EXPECT_NE(section("run.json").find(in_code(key)), std::string::npos) << key << " is not explained";
}

TEST(Schema, ExplainsEveryKeyOfTheRun) {
  RunJson run(RunInfo{});
  run.exhaustion(nlohmann::ordered_json::object());
  run.environment_after({{"load", 1}});
  const auto document = nlohmann::json::parse(run.text(false));
  for (const auto& [key, value] : document.items()) {
    EXPECT_NE(section("run.json").find(in_code(key)), std::string::npos) << key << " is not explained";
  }
}

TEST(Schema, ExplainsEveryBenchmarkFigure) {
  SummaryRow row;
  row.connecting = row.overshoot = row.reaped_overshoot = {1, 1, 1, 1, 1};
  row.connects_per_s = 1;
  row.usage.cpu_ns = 1;
  row.attempts = 1;
  for (const auto& figure : benchmark_figures(row)) {
    EXPECT_NE(section("benchmark.json").find(in_code(figure.name)), std::string::npos) << figure.name;
  }
}

TEST(Schema, SaysWhatEachVersionChanged) {
  for (int version = 1; version <= record_schema_version; ++version)
    EXPECT_NE(section("run.json").find(fmt::format("\n| {} | ", version)), std::string::npos) << version;
  std::string text = schema();
  std::ranges::replace(text, '\n', ' ');  // wherever a line ends
  EXPECT_NE(text.find(fmt::format("Schema version {}.", record_schema_version)), std::string::npos);
}

TEST(Schema, ExplainsEveryOutcomeAndStage) {
  for (Outcome o : all_outcomes()) EXPECT_NE(schema().find(in_code(to_string(o))), std::string::npos);
  for (size_t i = 1; i < stage_count; ++i) {
    const std::string stage(to_string(static_cast<Stage>(i)));
    EXPECT_NE(section("samples.csv").find(in_code(stage)), std::string::npos) << stage;
  }
}

}  // namespace
}  // namespace connbench
