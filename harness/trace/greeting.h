// The oldest example: a server that greets with the time of day and closes, and a client that connects, reads to the
// end and closes. Both block, both are a few lines: every packet can be counted.
#pragma once

#include "harness/trace/follow.h"

namespace connbench::trace {

/// Sends 255 bytes, a welcome and the time, and closes. Across the link, under `rule`. @throws std::system_error
std::unique_ptr<Target> open_greeting(lab::Lab& lab, Family family, const lab::LinkRule& rule);

/// What it reads becomes a note.
Client greeting_client();

}  // namespace connbench::trace
