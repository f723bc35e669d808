// Every choice that a connector offers, and both ends of every range: attempts end correctly with each of them.
#include <fmt/format.h>

#include <iostream>

#include "harness/support/sanitized.h"
#include "tests/impl/conformance/conformance.h"

namespace connbench::conformance {
namespace {

/// One choice that is not the default.
struct Variant {
  std::string options;  ///< "+wait:pwait2"
  bool misleading;
};

std::vector<Variant> variants(const ConnectorEntry& entry) {
  std::vector<Variant> found;
  for (const OptionSpec& spec : entry.options) {
    const auto misleading = values_of(spec.misleading);
    for (const std::string_view bound : {spec.least, spec.most})
      if (!bound.empty() && !(sanitized && bound == "1GiB"))
        found.push_back({fmt::format("+{}:{}", spec.name, bound), false});
    if (spec.kind == OptionSpec::Kind::addresses) found.push_back({fmt::format("+{}:0.0.0.0", spec.name), false});
    for (const std::string_view value : values_of(spec.choices))
      if (value != spec.default_value)
        found.push_back({fmt::format("+{}:{}", spec.name, value), std::ranges::count(misleading, value) > 0});
  }
  return found;
}

class EachChoice : public AtPlace {
 protected:
  // Calls `expect` after `count` attempts, for each variant that is available here.
  template <class Expect>
  void complete_each(size_t count, Duration timeout, Expect expect) {
    const auto target = open_target();
    for (const Variant& variant : variants(entry())) {
      SCOPED_TRACE(variant.options);
      if (const auto reason = refusal(room, variant.options)) {
        std::cout << variant.options << ": " << *reason << "\n";
        continue;
      }
      Connecting connecting(entry(), room, {}, variant.options);
      connecting.complete(attempts_on(target->endpoints(), count, timeout));
      EXPECT_EQ(connecting.completions().size(), count);
      expect(variant, connecting);
    }
  }
};

bool is_answering(const Place& place) {
  return place.target->name == "accepting" || place.target->name == "refusing";
}

std::vector<Place> with_choices(std::vector<Place> all) {
  std::erase_if(all, [](const Place& place) { return variants(*place.connector).empty(); });
  return with_sockets(std::move(all));
}

class EachChoiceWhereHostsAnswer : public EachChoice {};
INSTANTIATE_TEST_SUITE_P(Connector, EachChoiceWhereHostsAnswer, testing::ValuesIn(with_choices(places(is_answering))),
                         name_of_place);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EachChoiceWhereHostsAnswer);

TEST_P(EachChoiceWhereHostsAnswer, EndsEveryAttemptAsExpectedUnlessMisleading) {
  const OutcomeSet allowed = GetParam().target->expected_outcomes(GetParam().family);
  complete_each(2 * room + 3, far_away, [&](const Variant& variant, const Connecting& connecting) {
    for (const Completion& completion : connecting.completions()) {
      EXPECT_LE(completion.started, completion.finished);
      EXPECT_TRUE(variant.misleading || allowed.contains(completion.result.outcome))
          << to_string(completion.result.outcome) << ", errno " << completion.result.os_error;
    }
  });
}

class EachChoiceInSilence : public EachChoice {};
std::vector<Place> with_choices_and_deadlines() {
  return claiming(with_choices(unanswered({Family::ipv4})),
                  [](const Capabilities& claims) { return claims.has_deadline(); });
}
INSTANTIATE_TEST_SUITE_P(Connector, EachChoiceInSilence, testing::ValuesIn(with_choices_and_deadlines()),
                         name_of_place);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EachChoiceInSilence);

TEST_P(EachChoiceInSilence, KeepsTheDeadline) {
  complete_each(room, 20ms, [](const Variant&, const Connecting& connecting) {
    EXPECT_EQ(count_of(Outcome::deadline_exceeded, connecting.completions()), room);
    for (const Completion& completion : connecting.completions())
      EXPECT_GE(completion.finished - completion.started + connecting.may_be_early(completion), 20ms);
  });
}

}  // namespace
}  // namespace connbench::conformance
