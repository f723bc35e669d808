// What the shell may complete: every candidate is valid, and every valid word is a candidate.
#include "bench/completion.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>

#include "bench/commands.h"
#include "bench/companions.h"
#include "harness/connector/registry.h"
#include "harness/support/joined.h"
#include "harness/targets/target.h"
#include "tests/bench/program.h"

namespace connbench {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;

std::vector<std::string> candidates(const std::vector<std::string>& words) {
  const auto completions = complete(all_commands(), words);
  if (!completions) return {"(a program of scripts/)"};
  if (completions->files) return {"(files)"};
  std::vector<std::string> texts;
  for (const Candidate& candidate : completions->candidates) texts.push_back(candidate.word);
  return texts;
}

// Each flag that has a few valid values, with the words before it that its command needs.
template <class Check>
void for_each_flag_with_choices(Check check) {
  for (const Command& command : all_commands())
    for (const FlagGroup& group : command.groups)
      for (const Flag& flag : group.flags)
        if (!flag.choices.empty()) check(command.name, flag);
}

// What the command says of this value; "" = it is valid.
std::string complaint(const std::string& name, const Flag& flag, const std::string& value) {
  std::vector<Command> commands = all_commands();  // anew, because a command keeps what it was given
  const Command& command = *std::ranges::find(commands, name, &Command::name);
  std::vector<std::string> words;
  for (const FlagGroup& group : command.groups)
    for (const Flag& other : group.flags)
      if (is_positional(other) && other.name != flag.name) words.push_back(other.choices.front());
  if (name == "cluster") words.insert(words.end(), {"--host", "a"});
  if (!is_positional(flag)) words.push_back(flag.name);
  words.push_back(value);
  try {
    read_flags(command, words);
    command.check();
  } catch (const std::invalid_argument& error) {
    return error.what();
  } catch (const MachineLacks&) {
  }
  return "";
}

TEST(Completion, OffersTheValuesOfAFlagThatAreValid) {
  for_each_flag_with_choices([](const std::string& command, const Flag& flag) {
    for (const std::string& choice : flag.choices)
      EXPECT_EQ(complaint(command, flag, choice), "") << command << ' ' << flag.name << ' ' << choice;
    std::string refused = complaint(command, flag, "none-of-them");
    if (const size_t last = refused.find(" or "); last != std::string::npos) refused.replace(last, 4, ", ");
    EXPECT_THAT(refused, HasSubstr(joined(flag.choices, ", "))) << command << ' ' << flag.name;
    if (is_positional(flag)) return;
    EXPECT_EQ(candidates({command, flag.name, ""}), flag.choices);
  });
}

TEST(Completion, OffersCommandsAndPrograms) {
  EXPECT_THAT(candidates({""}), IsSupersetOf({"run", "list", "regress", "export", "help", "--version"}));
  EXPECT_THAT(candidates({"re"}), ElementsAre("report", "regress"));
  EXPECT_THAT(candidates({"help", "tr"}), ElementsAre("trace"));
  EXPECT_THAT(candidates({"nonsense", ""}), IsEmpty());
  EXPECT_THAT(candidates({}), IsEmpty());
}

TEST(Completion, OffersEveryConnectorAndGroup) {
  const auto offered = candidates({"run", "--connector", ""});
  for (const ConnectorEntry* entry : all_connectors()) {
    EXPECT_THAT(offered, Contains(entry->name));
    EXPECT_THAT(offered, Contains(entry->group));
  }
  EXPECT_THAT(offered, Contains("all"));
  EXPECT_THAT(candidates({"run", "--connector", "bl"}),
              IsSupersetOf({"blocking", "blocking-threads", "blocking-pool"}));
}

TEST(Completion, OfAListKeepsWhatIsThere) {
  EXPECT_THAT(candidates({"run", "--connector", "null,epoll-"}), ElementsAre("null,epoll-edge"));
  EXPECT_THAT(candidates({"run", "--connector", "null", "epoll-"}), ElementsAre("epoll-edge"));
  EXPECT_THAT(candidates({"run", "--connector=null,epoll-"}), ElementsAre("--connector=null,epoll-edge"));
  EXPECT_THAT(candidates({"trace", "--connector", "null,epoll-"}), IsEmpty()) << "trace takes one";
}

TEST(Completion, OffersTheOptionsOfAConnector) {
  EXPECT_THAT(candidates({"run", "--connector", "epoll+"}), IsSupersetOf({"epoll+wait:", "epoll+detect:"}));
  EXPECT_THAT(candidates({"run", "--connector", "epoll"}), IsSupersetOf({"epoll", "epoll-edge", "epoll+wait:"}));
  EXPECT_THAT(candidates({"run", "--connector", "null,epoll+detect:recv+wait:p"}),
              ElementsAre("null,epoll+detect:recv+wait:pwait2"));
  EXPECT_THAT(candidates({"run", "--connector", "epoll+stack"}), IsEmpty()) << "an option of others";
  EXPECT_THAT(candidates({"run", "--connector", "threads+sta"}), ElementsAre("threads+stack:"));
}

TEST(Completion, OffersOptionsAndValuesThatEveryConnectorAccepts) {
  for (const ConnectorEntry* entry : all_connectors())
    for (const std::string& option : candidates({"run", "--connector", fmt::format("{}+", entry->name)})) {
      EXPECT_EQ(option.back(), ':') << option;
      for (const std::string& value : candidates({"run", "--connector", option}))
        EXPECT_NO_THROW(find_connector(value)) << value;
    }
}

TEST(Completion, OffersTargetsWithAnExampleOfTheirParameter) {
  for (const TargetEntry* entry : all_targets())
    for (const std::string& target : candidates({"run", "--target", std::string(entry->name)}))
      EXPECT_NO_THROW(find_target(target)) << target;
  EXPECT_THAT(candidates({"run", "--target", "del"}), ElementsAre("delayed"));
  EXPECT_THAT(candidates({"run", "--target", "accepting,delayed:"}), ElementsAre("accepting,delayed:20ms"));
  EXPECT_THAT(candidates({"run", "--mix", "accepting=90,blackh"}), ElementsAre("accepting=90,blackhole="));
  EXPECT_THAT(candidates({"run", "--target", "host"}), Not(Contains("host:port")));
}

TEST(Completion, OffersFlagsThatMayFollow) {
  EXPECT_THAT(candidates({"run", "--conn"}), ElementsAre("--connector"));
  EXPECT_THAT(candidates({"run", "--quiet", ""}), IsSupersetOf({"--connector", "--help"}));
  EXPECT_THAT(candidates({"run", "--quiet", "--q"}), IsEmpty()) << "given already";
  EXPECT_THAT(candidates({"run", "--sysctl", "a=b", "--sys"}), IsSupersetOf({"--sysctl"})) << "may be repeated";
  EXPECT_THAT(candidates({"run", "--mix", "accepting=100", "--targ"}), IsEmpty()) << "they exclude each other";
  EXPECT_THAT(candidates({"run", "--target", "refusing", "--mi"}), IsEmpty());
  EXPECT_THAT(candidates({"run", "--timeout", ""}), IsEmpty()) << "any time is valid";
}

TEST(Completion, OffersArgumentsWithoutDashes) {
  EXPECT_THAT(candidates({"exhaust", ""}), IsSupersetOf({"threads", "fds", "ports", "memory", "--limit"}));
  EXPECT_THAT(candidates({"exhaust", "threads", "f"}), IsEmpty());
  EXPECT_THAT(candidates({"check", ""}), ElementsAre("(files)"));
}

TEST(Completion, LeavesFilesToTheShell) {
  EXPECT_THAT(candidates({"run", "--out", "x"}), ElementsAre("(files)"));
  EXPECT_THAT(candidates({"run", "--connector", "./my-cl"}), ElementsAre("(files)"));
}

TEST(Completion, LeavesAProgramInPythonItsOwnFlags) {
  EXPECT_THAT(candidates({"regress", "--lo"}), ElementsAre("(a program of scripts/)"));
  EXPECT_THAT(candidates({"regress", "--connector", "null,epoll-"}), ElementsAre("null,epoll-edge"));
  EXPECT_THAT(connbench({"__complete", "export", "--form"}).out, "words\n--format\twhat to write\n");
  EXPECT_THAT(connbench({"__complete", "export", "results", "--format", "h"}).out, "words\nhdr\t\n");
  EXPECT_THAT(connbench({"__complete", "history", ""}).out, "files\n");
}

TEST(Completion, StartsWithWhatIsCompleted) {
  EXPECT_EQ(connbench({"__complete", "run", "--connector", "epoll-"}).out.substr(0, 17), "words\nepoll-edge\t");
  EXPECT_EQ(connbench({"__complete", "run", "--out", ""}).out, "files\n");
}

}  // namespace
}  // namespace connbench
