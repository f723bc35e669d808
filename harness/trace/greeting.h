// The classic example: a server that greets with the time of day and closes, and a client that connects, reads to the
// end and closes. Both block and are a few lines long, so every packet can be accounted for.
#pragma once

#include "harness/trace/follow.h"

namespace connbench::trace {

/// A server across the link, under `rule`, that sends a 255-byte greeting with the time and closes.
/// @throws std::system_error
std::unique_ptr<Target> open_greeting(lab::Lab& lab, Family family, const lab::LinkRule& rule);

/// The client. The greeting it reads becomes a note of the trace.
Client greeting_client();

}  // namespace connbench::trace
