#include "bench/doctor_json.h"

#include <nlohmann/json.hpp>

#include "bench/findings.h"
#include "harness/machine/processors.h"

namespace connbench {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const std::vector<Finding>& findings) {
  Json array = Json::array();
  for (const Finding& finding : findings)
    array.push_back({{"subject", finding.subject}, {"value", finding.value}, {"remedy", finding.remedy}});
  return array;
}

Json json_of(const std::vector<ConnectorFinding>& findings) {
  Json array = Json::array();
  for (const auto& [name, reason] : findings)
    array.push_back(
        {{"name", name}, {"available", reason.empty()}, {"skip_reason", reason.empty() ? Json() : Json(reason)}});
  return array;
}

}  // namespace

std::string findings_json(const Diagnosis& diagnosis) {
  Json cpus;
  if (const auto suggested = usable_suggested_cpus())
    cpus = {{"client", suggested->client}, {"server", suggested->server}};
  const Json document = {
      {"machine", json_of(diagnosis.machine)},
      {"capacity", json_of(diagnosis.capacity)},
      {"connectors", json_of(diagnosis.connectors)},
      {"cpus", std::move(cpus)},
      {"fitness", {{"findings", json_of(diagnosis.fitness.findings)}, {"unfit", diagnosis.fitness.unfit}}}};
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace connbench
