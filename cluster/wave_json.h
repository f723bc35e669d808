// The messages between the conductor of a cluster and its workers, as JSON. On the wire it is CBOR, so that samples
// stay as they are in memory. Every message has a key "is" with its name.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/connector/connector.h"
#include "harness/connector/endpoint.h"
#include "harness/record/distributions.h"
#include "harness/run/site.h"
#include "harness/wave/sample.h"
#include "harness/wave/wave.h"

namespace connbench::cluster {

using Json = nlohmann::ordered_json;

std::string to_wire(const Json& message);
/// @throws std::runtime_error for what is no message
Json from_wire(std::string_view bytes);

/// What a worker found out about its part of a wave, without the samples; into what read_result() reads.
Json json_of(const WaveResult& result);
/// Everything but WaveResult::what.
WaveResult read_result(const Json& message);

/// Some samples, beginning with the one at the position `first`.
Json samples_message(std::span<const Sample> samples, size_t first);
struct SomeSamples {
  size_t first;
  std::vector<Sample> samples;
};
SomeSamples read_samples(const Json& message);

Json json_of(const Tally& tally);
Tally read_tally(const Json& message);

/// The values that a host has of one figure: how many, and between which two they are.
struct Spread {
  size_t count = 0;
  int64_t least = std::numeric_limits<int64_t>::max();
  int64_t most = std::numeric_limits<int64_t>::min();

  void add(const Spread& other) noexcept;
};
Json json_of(const Spread& spread);
Spread read_spread(const Json& message);

Json json_of(const Capabilities& capabilities);
Capabilities read_capabilities(const Json& bytes);

/// Without the quota, of which the reasons speak.
Json json_of(const MachineFitness& fitness);
MachineFitness read_fitness(const Json& message);

Json json_of(std::span<const Endpoint> endpoints);
/// IPv4 and IPv6 only. @throws std::runtime_error
std::vector<Endpoint> read_endpoints(const Json& list);

/// Of all hosts together: the sum, or -1 where one of them is not known.
Usage sum_of(const Usage& one, const Usage& other);
Footprint sum_of(const Footprint& one, const Footprint& other);
/// The share of steal is that of all processors.
Interference sum_of(const Interference& one, const Interference& other);

}  // namespace connbench::cluster
