// What a process gives up before it measures.
#pragma once

namespace connbench {

/// Gives up every capability. For children to which a user namespace has given more than their user has outside it.
/// @throws std::system_error
void drop_capabilities();

}  // namespace connbench
