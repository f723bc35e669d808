// The least that holds attempts pending in an io_uring: how much of what io-uring costs next to many of them is the
// kernel's?
#pragma once

#include <memory>

#include "harness/connector/connector.h"

namespace connbench {

/// Makes the requests of the connector io-uring in the same order, one attempt at a time, and keeps nothing of an
/// attempt but its deadline: no lists, no outcomes, one slot for those that end before the others. For pending_bench,
/// which begins all but one attempt with the same long timeout.
std::unique_ptr<Connector> make_bare_pending_ring(size_t max_in_flight);

}  // namespace connbench
