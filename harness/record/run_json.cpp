#include "harness/record/run_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "harness/programs/program.h"
#include "harness/record/capabilities_json.h"
#include "harness/record/open_loop.h"
#include "harness/record/schema.h"

namespace connbench {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const Case& what) {
  return {{"scenario", what.scenario},        {"connector", what.connector},       {"target", what.target},
          {"family", to_string(what.family)}, {"concurrency", what.concurrency},   {"shards", what.shards},
          {"attempts", what.attempts},        {"timeout_ns", what.timeout.count()}};
}

Json program_json(const ConnectorProgram& program) {
  Json said = {{"path", program.path()}};
  const DescriptionAnswer& answer = program.answer();
  if (answer.description)
    said.update(description_json(*answer.description));
  else
    said["why_not"] = answer.why_not;
  said["own_words"] = Json::object();
  return said;
}

}  // namespace

RunJson::RunJson(const RunInfo& info)
    : document_(std::make_unique<Json>(
          Json{{"schema_version", record_schema_version},
               {"run_id", info.run_id},
               {"complete", false},
               {"command_line", info.command_line},
               {"seed", info.seed},
               {"network", info.network},
               {"repetitions", info.repetitions},
               {"samples", to_string(info.samples)},
               {"arrival", info.arrival},
               {"spin", info.spin},
               {"spin_server", info.spin_server},
               {"addresses", info.addresses ? Json(*info.addresses) : Json()},
               {"origin", {{"monotonic_ns", info.origin.monotonic_ns}, {"realtime_ns", info.origin.realtime_ns}}},
               {"environment", info.environment ? *info.environment : Json::object()},
               {"lab", nullptr},
               {"connectors", Json::object()},
               {"skipped", Json::array()},
               {"warnings", Json::array()},
               {"failures", Json::array()},
               {"suspensions", Json::array()},
               {"arrivals", Json::array()},
               {"percentiles", Json::array()},
               {"rates", Json::array()},
               {"syscalls", Json::array()},
               {"hosts", Json::array()}})) {
  if (info.settings) (*document_)["settings"] = *info.settings;
}

RunJson::~RunJson() = default;
RunJson::RunJson(RunJson&&) noexcept = default;

void RunJson::connector(const NamedConnector& connector, const Capabilities& capabilities) {
  Json options = Json::object();
  for (const auto& [name, value] : connector.options.values())
    if (!value.empty()) options[name] = value;
  Json& entry = (*document_)["connectors"][connector.name];
  entry = {{"capabilities", capabilities_json(capabilities)}, {"options", std::move(options)}};
  if (connector.entry != nullptr && connector.entry->program != nullptr)
    entry["program"] = program_json(*connector.entry->program);
}

void RunJson::program(const WaveResult& wave) {
  Json& program = (*document_)["connectors"][wave.what.connector]["program"];
  const int64_t before = program.value("clock_error_ns", int64_t{0});
  program["clock_error_ns"] = std::max(before, wave.program->clock_error_ns);
  for (const auto& [word, count] : wave.program->own_words)
    program["own_words"][word] = program["own_words"].value(word, uint64_t{0}) + count;
}

void RunJson::skip(const Case& what, std::string_view reason, std::string_view remedy) {
  Json entry = {{"connector", what.connector},
                {"target", what.target},
                {"family", to_string(what.family)},
                {"concurrency", what.concurrency},
                {"reason", reason}};
  if (what.is_fleet()) entry["scenario"] = what.scenario;
  if (!remedy.empty()) entry["remedy"] = remedy;
  (*document_)["skipped"].push_back(std::move(entry));
}

void RunJson::warn(std::string_view warning) {
  (*document_)["warnings"].push_back(warning);
}

Json RunJson::name_of(const WaveResult& wave) {
  Json name = json_of(wave.what);
  name["repetition"] = wave.repetition;
  name["wave"] = wave.wave;
  return name;
}

void RunJson::suspended(const Suspension& seen, Json during) {
  during["stopped_ns"] = seen.stopped.count();
  during["asleep_ns"] = seen.asleep.count();
  (*document_)["suspensions"].push_back(std::move(during));
}

void RunJson::fail(const WaveResult& wave, size_t samples_omitted) {
  Json entry = name_of(wave);
  entry["failure"] = wave.failure.empty() ? "a signal ended the writing of its samples" : wave.failure;
  if (samples_omitted > 0) entry["samples_omitted"] = samples_omitted;
  (*document_)["failures"].push_back(std::move(entry));
}

void RunJson::arrivals(const SummaryRow& row) {
  for (const SummaryRow& part : row.by_target) arrivals(part);
  Json entry = json_of(row.what);
  entry["repetition"] = row.repetition;
  entry["wave"] = row.wave;
  entry["offered"] = row.arrivals.offered;
  entry["started"] = row.arrivals.started;
  entry["completed"] = row.arrivals.completed;
  entry["late"] = row.arrivals.late;
  entry["late_bound_ns"] = late_bound.count();
  const auto add = [&](const char* name, const std::optional<int64_t>& ns) {
    entry[name] = ns && *ns != never_ns ? Json(*ns) : Json();
  };
  add("response_p50_ns", row.response.p50);
  add("response_p90_ns", row.response.p90);
  add("response_p99_ns", row.response.p99);
  add("response_p999_ns", row.response.p999);
  add("response_max_ns", row.response.max);
  (*document_)["arrivals"].push_back(std::move(entry));
}

void RunJson::percentiles(const SummaryRow& row) {
  for (const SummaryRow& part : row.by_target) percentiles(part);
  Json entry = json_of(row.what);
  entry["repetition"] = row.repetition;
  entry["wave"] = row.wave;
  const auto text = [](const std::optional<int64_t>& ns) { return ns && *ns != never_ns ? Json(*ns) : Json(); };
  for (const ChosenPercentile& one : row.chosen) {
    const std::string name = fmt::format("p{}", one.percent);
    entry["connecting_ns"][name] = text(one.connecting_ns);
    entry["response_ns"][name] = text(one.response_ns);
  }
  (*document_)["percentiles"].push_back(std::move(entry));
}

void RunJson::rate(const FoundRate& found) {
  Json entry = json_of(found.what);
  entry.erase("attempts");  // they depend on the rate
  entry["goal"] = found.goal;
  entry["held_per_s"] = found.held ? Json(*found.held) : Json();
  entry["not_held_per_s"] = found.not_held ? Json(*found.not_held) : Json();
  entry["tolerance"] = found.tolerance;
  entry["waves_per_rate"] = found.waves_per_rate;
  entry["waves"] = found.waves;
  if (!found.failure.empty()) entry["failure"] = found.failure;
  (*document_)["rates"].push_back(std::move(entry));
}

void RunJson::count(const WaveResult& wave, std::string_view method) {
  Json entry = json_of(wave.what);
  entry["method"] = method;
  entry["calls"] = Json::object();
  for (const auto& [name, calls] : wave.syscalls) entry["calls"][name] = calls;
  (*document_)["syscalls"].push_back(std::move(entry));
}

void RunJson::fitness(const Interference& seen, const std::vector<std::string>& unfit) {
  const auto known = [](int64_t value) { return value < 0 ? Json() : Json(value); };
  (*document_)["fitness"] = {{"unfit", unfit},
                             {"processors", seen.processors},
                             {"ready_threads", seen.ready ? Json(*seen.ready) : Json()},
                             {"steal_share", seen.steal_share ? Json(*seen.steal_share) : Json()},
                             {"throttled", known(seen.throttling.times)},
                             {"throttled_ns", known(seen.throttling.total_ns)}};
}

void RunJson::host(const std::string& target, const HostAddress& address) {
  Json all = Json::array();
  for (const Endpoint& one : address.all) all.push_back(one.to_string());
  (*document_)["hosts"].push_back({{"target", target},
                                   {"address", address.endpoint.to_string()},
                                   {"others", address.others},
                                   {"addresses", std::move(all)}});
}

void RunJson::lab(Json description) {
  (*document_)["lab"] = std::move(description);
}

void RunJson::cluster(Json description) {
  (*document_)["cluster"] = std::move(description);
}

void RunJson::exhaustion(Json description) {
  description["ramps"] = Json::array();
  (*document_)["exhaustion"] = std::move(description);
}

void RunJson::ramp(Json description) {
  (*document_)["exhaustion"]["ramps"].push_back(std::move(description));
}

void RunJson::environment_after(Json environment) {
  (*document_)["environment_after"] = std::move(environment);
}

std::string RunJson::text(bool complete) const {
  Json document = *document_;
  document["complete"] = complete;
  // A command line may hold bytes that are not UTF-8. They must not make the record unwritable.
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace connbench
