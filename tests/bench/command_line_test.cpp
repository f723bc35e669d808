// The command line itself: help, version, unknown options, and which connectors a list selects.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <sstream>

#include "harness/connector/registry.h"
#include "harness/programs/program.h"
#include "tests/bench/program.h"

namespace connbench {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr size_t columns_of_help = 80;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

class Help : public testing::TestWithParam<std::vector<std::string>> {};
INSTANTIATE_TEST_SUITE_P(
    Every, Help,
    testing::Values(std::vector<std::string>{"--help"}, std::vector<std::string>{"-h"},
                    std::vector<std::string>{"list", "--help"}, std::vector<std::string>{"doctor", "--help"},
                    std::vector<std::string>{"run", "--help"}, std::vector<std::string>{"exhaust", "--help"},
                    std::vector<std::string>{"probe", "--help"}, std::vector<std::string>{"trace", "-h"}));

TEST_P(Help, Fits80Columns) {
  const Ended ended = connbench(GetParam());
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.out, AllOf(HasSubstr("Usage: connbench "), HasSubstr("--help")));
  for (const std::string& line : lines_of(ended.out)) EXPECT_LE(line.size(), columns_of_help) << line;
}

TEST(Help, OfARunShowsGroupsDefaultsAndExamples) {
  EXPECT_THAT(connbench({"run", "--help"}).out,
              AllOf(HasSubstr("What to measure:"), HasSubstr("[default: 64]"), HasSubstr("[default: accepting]"),
                    HasSubstr("Examples:"), HasSubstr("Exit status:")));
}

TEST(Help, IsACommandToo) {
  EXPECT_EQ(connbench({"help"}).out, connbench({"--help"}).out);
  EXPECT_EQ(connbench({"help", "run"}).out, connbench({"run", "--help"}).out);
  const Ended unknown = connbench({"help", "rum"});
  EXPECT_EQ(unknown.status, 2);
  EXPECT_THAT(unknown.err, HasSubstr("did you mean 'run'?"));
}

TEST(Help, WinsOverOtherFlags) {
  EXPECT_EQ(connbench({"run", "--nonsense", "--help"}).status, 0);
}

TEST(Version, ShowsCommitCompilerAndLibraries) {
  const Ended ended = connbench({"--version"});
  EXPECT_EQ(ended.status, 0) << ended.err;
  for (const char* word : {"connbench ", "commit ", "compiler ", "fmt ", "liburing ", "libnl ", "libpcap "})
    EXPECT_THAT(ended.out, HasSubstr(word));
  for (const ConnectorEntry* entry : all_connectors())
    if (entry->library != nullptr) {
      const Library library = entry->library();
      EXPECT_THAT(ended.out, HasSubstr(fmt::format("{} {}\n", library.name, library.version)));
    }
}

struct Complaint {
  std::vector<std::string> arguments;
  std::string message;  // all of stderr but "connbench: "
};

TEST(CommandLine, SuggestsTheNearestFlag) {
  const std::vector<Complaint> complaints{
      {{"--hlep"}, "unknown option --hlep; did you mean --help?"},
      {{"--verison"}, "unknown option --verison; did you mean --version?"},
      {{"--list"}, "unknown option --list; did you mean connbench list?"},
      {{"run", "--hlep"}, "unknown option --hlep; did you mean --help?"},
      {{"run", "--repeti", "7"}, "unknown option --repeti; did you mean --repetitions?"},
      {{"run", "--conector=epoll"}, "unknown option --conector; did you mean --connector?"},
      {{"run", "-connector", "epoll"}, "unknown option -connector; did you mean --connector?"},
      {{"run", "--output", "here"}, "unknown option --output; did you mean --out?"},
      {{"run", "--dry"}, "unknown option --dry; did you mean --dry-run?"},
      {{"run", "--zzz"}, "unknown option --zzz; see connbench run --help"},
      {{"list", "--fromat", "json"}, "unknown option --fromat; did you mean --format?"},
      {{"doctor", "--formt"}, "unknown option --formt; did you mean --format?"},
      {{"exhaust", "--limt", "9"}, "unknown option --limt; did you mean --limit?"},
      {{"probe", "--onyl", "S6"}, "unknown option --onyl; did you mean --only?"},
      {{"trace", "--targt", "accepting"}, "unknown option --targt; did you mean --target?"},
  };
  for (const auto& [arguments, message] : complaints) {
    const Ended ended = connbench(arguments);
    EXPECT_EQ(ended.status, 2) << message;
    EXPECT_EQ(ended.err, "connbench: " + message + "\n");
    EXPECT_THAT(ended.out, IsEmpty());
  }
}

TEST(CommandLine, ExplainsWhatIsMissingOrTooMuch) {
  const std::vector<Complaint> complaints{
      {{}, "a command is needed; see connbench --help"},
      {{"run", "--attempts"}, "--attempts needs a value: --attempts N"},
      {{"run", "--attempts", "--dry-run"}, "--attempts needs a value: --attempts N"},
      {{"run", "--attempts", "5", "--attempts", "6"}, "--attempts is given twice"},
      {{"run", "--dry-run=yes"}, "--dry-run takes no value"},
      {{"run", "epoll"}, "unexpected argument 'epoll'; did you mean --connector epoll?"},
      {{"trace", "epoll"}, "unexpected argument 'epoll'; did you mean --connector epoll?"},
      {{"probe", "S6"}, "unexpected argument 'S6'; did you mean --only S6?"},
      {{"doctor", "epoll"}, "unexpected argument 'epoll'; see connbench doctor --help"},
      {{"exhaust"}, "connbench exhaust needs RESOURCE: threads, fds, ports or memory"},
      {{"run", "--mix", "accepting=100", "--target", "accepting"}, "--mix and --target exclude each other"},
      {{"run", "--find-rate", "p99<5ms", "--attempts", "9"}, "--find-rate and --attempts exclude each other"},
  };
  for (const auto& [arguments, message] : complaints) {
    const Ended ended = connbench(arguments);
    EXPECT_EQ(ended.status, 2) << message;
    EXPECT_EQ(ended.err, "connbench: " + message + "\n");
    EXPECT_THAT(ended.out, IsEmpty());
  }
}

TEST(CommandLine, SuggestsTheNearestCommand) {
  for (const auto& [given, meant] :
       {std::pair("lst", "list"), std::pair("rum", "run"), std::pair("docter", "doctor")}) {
    const Ended ended = connbench({given});
    EXPECT_EQ(ended.status, 2);
    EXPECT_THAT(ended.err, HasSubstr(fmt::format("unknown command '{}': did you mean '{}'?", given, meant)));
  }
}

TEST(CommandLine, AcceptsValuesBehindAnEqualsSignAndListsAsWords) {
  const Ended ended = connbench({"run", "--dry-run", "--syscalls=off", "--repetitions=1", "--connector", "epoll",
                                 "poll", "--connector=select", "--concurrency=1,2"});
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.out, AllOf(HasSubstr("epoll"), HasSubstr("  poll  "), HasSubstr("select"), HasSubstr("6 waves")));
}

// As in the lab, where the signal does not end the program. The list does not fit into one buffer, the version does.
TEST(CommandLine, IsSilentWhenTheReaderOfItsOutputHasEnded) {
  for (const char* command : {"list", "--version"}) {
    const Ended ended = connbench({command}, [] {
      int ends[2];
      if (::pipe(ends) != 0) ::_exit(could_not_execute);
      ::dup2(ends[1], STDOUT_FILENO);
      ::close(ends[0]);
      ::close(ends[1]);
      ::signal(SIGPIPE, SIG_IGN);
    });
    EXPECT_EQ(ended.status, 128 + SIGPIPE) << command;
    EXPECT_EQ(ended.err, "") << command;
  }
}

// The connectors of a dry run that can run here, sorted.
std::vector<std::string> selected(const std::string& list) {
  const Ended ended = connbench({"run", "--dry-run", "--connector", list, "--repetitions", "1", "--syscalls", "off",
                                 "--concurrency", "1", "--family", "4"});
  EXPECT_EQ(ended.status, 0) << ended.err;
  std::vector<std::string> names;
  for (const std::string& line : lines_of(ended.out)) {
    std::istringstream words(line);
    std::string first, second;
    words >> first >> second;
    if (first == "repetition") words >> second;
    if (first == "repetition") names.push_back(second);
  }
  std::ranges::sort(names);
  return names;
}

bool can_run(const ConnectorEntry& entry) {
  Retirement retirement({}, 0);
  return !entry.probe({Options("", entry.options), 1, retirement});
}

template <class Wanted>
std::vector<std::string> every(Wanted wanted) {
  std::vector<std::string> names;
  for (const ConnectorEntry* entry : all_connectors())
    if (wanted(*entry) && can_run(*entry)) names.emplace_back(entry->name);
  for (const ConnectorProgram* program : all_programs())
    if (wanted(program->entry()) && !program->is_absent()) names.emplace_back(program->entry().name);
  std::ranges::sort(names);
  return names;
}

TEST(Selection, OfAllIsEveryConnectorThatCanRun) {
  EXPECT_EQ(selected("all"), every([](const ConnectorEntry&) { return true; }));
}

TEST(Selection, OfAGroupIsItsMembers) {
  for (const char* group : {"threads", "pools", "processes", "loops", "libraries", "baselines", "programs"}) {
    const auto members = every([&](const ConnectorEntry& entry) { return entry.group == group; });
    EXPECT_THAT(members, Not(IsEmpty())) << group;
    EXPECT_EQ(selected(group), members) << group;
  }
}

TEST(Selection, OfAGlobIsWhatMatches) {
  EXPECT_EQ(selected("*-threads"), every([](const ConnectorEntry& entry) { return entry.name.ends_with("-threads"); }));
  EXPECT_THAT(selected("epoll*"), ElementsAre("epoll", "epoll-edge"));
}

TEST(Selection, IgnoresBlanksAroundTheItemsOfAList) {
  EXPECT_THAT(selected("epoll, poll ,  null"), ElementsAre("epoll", "null", "poll"));
}

TEST(Selection, ListsWhatIsSelectedTwiceOnce) {
  EXPECT_THAT(selected("epoll,epoll*,epoll?edge"), ElementsAre("epoll", "epoll-edge"));
  EXPECT_EQ(selected("loops,epoll"), selected("loops"));
}

TEST(Selection, GivesItsOptionsToEachMember) {
  EXPECT_THAT(selected("epoll*+close:fin,null"), ElementsAre("epoll+close:fin", "epoll-edge+close:fin", "null"));
}

TEST(Selection, ThatSelectsNothingIsRefusedWithAHint) {
  const std::vector<Complaint> complaints{
      {{"s*-thread"}, "--connector: 's*-thread' matches no connector; did you mean 's*-thread*'?"},
      {{"zz*"}, "--connector: 'zz*' matches no connector; connbench list shows them"},
      {{"thread"}, "--connector: unknown connector 'thread': did you mean 'threads'? (connbench list shows all)\n"},
      {{"loops+stack:1MiB"}, "--connector: 'loops+stack:1MiB' selects select: no option 'stack'; it has: "},
      {{"epoll+stack:1MiB"}, "--connector: epoll: no option 'stack'; it has: "},
      {{"select-threads+stak:1MiB"}, "select-threads: no option 'stak'; did you mean 'stack'? It has: "},
  };
  for (const auto& [list, message] : complaints) {
    const Ended ended = connbench({"run", "--connector", list.front()});
    EXPECT_EQ(ended.status, 2);
    EXPECT_THAT(ended.err, HasSubstr(message));
  }
}

TEST(Selection, WorksForExhaustToo) {
  const Ended ended = connbench({"exhaust", "fds", "--connector", "zz*"});
  EXPECT_EQ(ended.status, 2);
  EXPECT_THAT(ended.err, HasSubstr("'zz*' matches no connector"));
}

}  // namespace
}  // namespace connbench
