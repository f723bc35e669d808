// One part of a wave that several divide between them: the shards of one process, or the hosts of a cluster.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "harness/connector/endpoint.h"
#include "harness/wave/case.h"
#include "harness/wave/pacing.h"
#include "harness/wave/sample.h"

namespace connbench {

/// Part i mod `of` makes attempt i.
struct WaveShare {
  size_t index = 0;
  size_t of = 1;
};

/// The part's attempts, and its share of those in flight.
Case part_of(const Case& all, const WaveShare& share);

/// Every `of`-th arrival of a schedule, beginning with the one at `index`. Each part computes the whole schedule: an
/// arrival costs some nanoseconds, and nothing has to be stored.
std::unique_ptr<Pacing> part_of(std::unique_ptr<Pacing> all, const WaveShare& share);

/// The endpoints, `each` per attempt, ordered so that attempt i of the whole wave goes to host i mod n, whichever part
/// makes it.
std::vector<Endpoint> part_of(std::span<const Endpoint> all, size_t each, const WaveShare& share);

/// The routes of the part's attempts; none when the wave has none.
std::vector<std::span<const Endpoint>> part_of(std::span<const std::span<const Endpoint>> all, const WaveShare& share);

/// Moves all stamps of what happened by so much: from the clock of the host that made a part to another one.
void move_stamps(std::span<Sample> samples, int64_t by_ns) noexcept;

}  // namespace connbench
