#include "harness/record/capabilities_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

namespace connbench {
namespace {

// "socket option" is for people; a key or value of JSON is one word.
std::string as_word(std::string_view text) {
  std::string word(text);
  std::ranges::replace(word, ' ', '_');
  return word;
}

}  // namespace

nlohmann::ordered_json capabilities_json(const Capabilities& capabilities) {
  return {{"opens_sockets", capabilities.opens_sockets},
          {"completes_in_submit", capabilities.completes_in_submit},
          {"threads", as_word(to_string(capabilities.threads))},
          {"deadline_by", as_word(to_string(capabilities.deadline_by))},
          {"has_deadline", capabilities.has_deadline()},
          {"granularity_ns", capabilities.granularity.count()},
          {"floor_ns", capabilities.floor.count()},
          {"early_ns", capabilities.early.count()},
          {"cancellable", capabilities.cancellable},
          {"max_in_flight", capabilities.max_in_flight},
          {"pool_threads", capabilities.pool_threads},
          {"uses_all_endpoints", capabilities.uses_all_endpoints}};
}

}  // namespace connbench
