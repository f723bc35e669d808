#include "harness/record/run_json.h"

namespace connbench {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const Case& what) {
  return {{"scenario", what.scenario},        {"connector", what.connector},       {"target", what.target},
          {"family", to_string(what.family)}, {"concurrency", what.concurrency},   {"shards", what.shards},
          {"attempts", what.attempts},        {"timeout_ns", what.timeout.count()}};
}

}  // namespace

RunJson::RunJson(const RunInfo& info)
    : document_({{"schema_version", record_schema_version},
                 {"run_id", info.run_id},
                 {"complete", false},
                 {"command_line", info.command_line},
                 {"seed", info.seed},
                 {"network", info.network},
                 {"repetitions", info.repetitions},
                 {"samples", to_string(info.samples)},
                 {"origin", {{"monotonic_ns", info.origin.monotonic_ns}, {"realtime_ns", info.origin.realtime_ns}}},
                 {"environment", info.environment},
                 {"lab", nullptr},
                 {"skipped", Json::array()},
                 {"warnings", Json::array()},
                 {"failures", Json::array()},
                 {"syscalls", Json::array()}}) {}

void RunJson::skip(const SkippedRow& row) {
  Json entry = {{"connector", row.connector},
                {"target", row.target},
                {"family", to_string(row.family)},
                {"concurrency", row.concurrency},
                {"reason", row.reason}};
  if (!row.remedy.empty()) entry["remedy"] = row.remedy;
  document_["skipped"].push_back(std::move(entry));
}

void RunJson::warn(std::string_view warning) {
  document_["warnings"].push_back(warning);
}

void RunJson::fail(const WaveResult& wave) {
  Json entry = json_of(wave.what);
  entry["repetition"] = wave.repetition;
  entry["wave"] = wave.wave;
  entry["failure"] = wave.failure;
  document_["failures"].push_back(std::move(entry));
}

void RunJson::count(const WaveResult& wave, std::string_view method) {
  Json entry = json_of(wave.what);
  entry["method"] = method;
  entry["calls"] = Json::object();
  for (const auto& [name, calls] : wave.syscalls) entry["calls"][name] = calls;
  document_["syscalls"].push_back(std::move(entry));
}

void RunJson::lab(Json description) {
  document_["lab"] = std::move(description);
}

void RunJson::exhaustion(Json description) {
  document_["exhaustion"] = std::move(description);
}

void RunJson::environment_after(Json environment) {
  document_["environment_after"] = std::move(environment);
}

std::string RunJson::text(bool complete) const {
  Json document = document_;
  document["complete"] = complete;
  // A command line may hold bytes that are not UTF-8: they must not cost the whole record.
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace connbench
