// A ramp (harness/exhaust/ramp.h) of a connector that is a program.
#pragma once

#include "harness/connector/endpoint.h"
#include "harness/connector/registry.h"
#include "harness/exhaust/limit.h"
#include "harness/exhaust/ramp.h"

namespace connbench {

/// Who makes the ramp, and what it runs into.
struct ProgramRamp {
  const NamedConnector& connector;
  Family family;
  const ResourceLimit& limit;  ///< the program's process enters it, just before it is executed
};

/// Makes the ramp as one open-loop wave of the program: healthy attempts, the dead ones, healthy ones beside them, and
/// healthy ones after their deadline. What became of them follows from its records; what it held meanwhile is read from
/// outside. The steps are handed on at the end, because only then it is known how many attempts were pending. How long
/// each took to start is not known. Call it in the ramp's child.
/// @throws std::runtime_error, whose sentence says what the program got wrong, or how it died; std::system_error
void run_program_ramp(const ProgramRamp& ramp, const RampPlan& plan, RampEnd& end);

}  // namespace connbench
