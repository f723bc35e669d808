// What `connbench doctor` prints for people. It asks the machine nothing.
#pragma once

#include <string>
#include <vector>

#include "bench/findings.h"
#include "bench/fitness.h"

namespace connbench {

struct Diagnosis {
  std::vector<Finding> machine;
  std::vector<Finding> capacity;  ///< for attempts at hosts that never answer
  std::vector<ConnectorFinding> connectors;
  Fitness fitness{};
};

/// `width` columns wide at most.
std::string doctor_screen(const Diagnosis& diagnosis, size_t width);

}  // namespace connbench
