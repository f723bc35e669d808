// Arguments that connbench refuses, and runs that exceed a limit of the machine.
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <algorithm>
#include <iterator>

#include "tests/bench/program.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uid_t some_other_user = 54'321;  // an unused id: nobody else has threads under it

struct BadInput {
  std::string name;
  std::vector<std::string> arguments;
  std::vector<std::string> expected;  // all of them on stderr
};

void PrintTo(const BadInput& bad, std::ostream* out) {
  for (const std::string& argument : bad.arguments) *out << argument << ' ';
}

std::vector<BadInput> first_bad_inputs() {
  return {
      {"UnknownConnector", {"--connector", "epol"}, {"--connector", "epol", "epoll"}},
      {"UnknownTarget", {"--target", "acepting"}, {"--target", "acepting", "accepting"}},
      {"UnknownOptionOfAConnector", {"--connector", "select-threads+stak:1MiB"}, {"--connector", "stak", "stack"}},
      {"BadValueOfAnOption", {"--connector", "select-threads+stack:big"}, {"--connector", "stack", "big"}},
      {"ConnectorTwice", {"--connector", "epoll,select,epoll"}, {"--connector", "epoll", "twice"}},
      {"TargetTwice", {"--target", "accepting,accepting"}, {"--target", "accepting", "twice"}},
      {"ConcurrencyZero", {"--concurrency", "0"}, {"--concurrency"}},
      {"ConcurrencyNegative", {"--concurrency=-5"}, {"--concurrency", "-5"}},
      {"ConcurrencyNotANumber", {"--concurrency", "many"}, {"--concurrency", "many"}},
      {"ConcurrencyTwice", {"--concurrency", "8,8"}, {"--concurrency", "twice"}},
      {"ConcurrencyEndless", {"--concurrency", "18446744073709551615"}, {"--concurrency", "at most"}},
      {"ShardsEndless", {"--shards", "20000", "--concurrency", "20000"}, {"--shards", "at most"}},
      {"AttemptsZero", {"--attempts", "0"}, {"--attempts"}},
      {"RepetitionsZero", {"--repetitions", "0"}, {"--repetitions"}},
      {"TimeoutNegative", {"--timeout=-5ms"}, {"--timeout", "-5ms"}},
      {"TimeoutWithoutUnit", {"--timeout", "100"}, {"--timeout", "100", "did you mean 100ms?"}},
      {"TimeoutInMinutes", {"--timeout", "1m"}, {"--timeout", "did you mean 1min?"}},
      {"TimeoutWithALongUnit", {"--timeout", "200msec"}, {"--timeout", "did you mean 200ms?"}},
      {"TimeoutInCapitals", {"--timeout", "100MS"}, {"--timeout", "did you mean 100ms?"}},
      {"TimeoutInHours", {"--timeout", "1h"}, {"--timeout", "'1h' is not valid"}},
      {"TimeoutWithADecimalComma", {"--timeout", "1,5s"}, {"--timeout", "a comma separates values", "write 1.5s"}},
      {"WaveLimitWithADecimalComma", {"--wave-limit", "1,5s"}, {"--wave-limit", "did you mean 1.5s?"}},
      {"ConcurrencyInThousands", {"--concurrency", "1,000"}, {"'000'", "a comma separates values", "write 1000"}},
      {"MixWithPercentSigns", {"--mix", "accepting=80%,blackhole=20%"}, {"did you mean accepting=80?"}},
      {"TimeoutZero", {"--timeout", "0ms"}, {"--timeout"}},
      {"TimeoutTwice", {"--timeout", "5ms,5ms"}, {"--timeout", "twice"}},
      {"TimeoutTwiceInOtherWords", {"--timeout", "1s,1000ms"}, {"--timeout", "twice"}},
      {"TimeoutEndless", {"--timeout", "6000000000s"}, {"--timeout", "at most"}},
      {"AttemptsEndless", {"--attempts", "18446744073709551615"}, {"--attempts", "at most"}},
      {"RepetitionsEndless", {"--repetitions", "4294967296"}, {"--repetitions", "at most"}},
      {"WaveLimitZero", {"--wave-limit", "0s"}, {"--wave-limit"}},
      {"WaveLimitWithoutUnit", {"--wave-limit", "20"}, {"--wave-limit", "did you mean 20s?"}},
      {"ArrivalUnknown", {"--arrival", "sometimes"}, {"--arrival", "sometimes", "poisson"}},
  };
}

std::vector<BadInput> more_bad_inputs() {
  return {
      {"ArrivalWithoutRate", {"--arrival", "poisson:"}, {"--arrival"}},
      {"ArrivalWithoutForm",
       {"--arrival", "1000/s"},
       {"--arrival", "1000/s", "did you mean uniform:1000/s or poisson:1000/s?"}},
      {"ArrivalWithoutUnit", {"--arrival", "poisson:1000"}, {"--arrival", "did you mean poisson:1000/s?"}},
      {"ArrivalMisspelt", {"--arrival", "unifrom:1000/s"}, {"--arrival", "did you mean uniform:1000/s?"}},
      {"ExternalRateWithoutUnit",
       {"--external", "--target", "127.0.0.1:9", "--external-rate", "50"},
       {"--external-rate", "did you mean 50/s?"}},
      {"AttemptsInThousands", {"--attempts", "2k"}, {"--attempts", "did you mean 2000?"}},
      {"RepetitionsWithX", {"--repetitions", "5x"}, {"--repetitions", "did you mean 5?"}},
      {"FamilySpeltOut", {"--family", "ipv4"}, {"--family", "did you mean 4?"}},
      {"ShardsZero", {"--shards", "0"}, {"--shards", "0"}},
      {"ShardsNotANumber", {"--shards", "few"}, {"--shards", "few"}},
      {"MoreShardsThanInFlight",
       {"--shards", "9", "--concurrency", "8,16"},
       {"--shards 9", "--concurrency 8", "raise --concurrency"}},
      {"ShardsOfAHostOutside",
       {"--external", "--target", "127.0.0.1:9", "--attempts", "4", "--shards", "2"},
       {"--shards 2", "127.0.0.1:9", "gap"}},
      {"FamilyUnknown", {"--family", "5"}, {"--family", "5", "both"}},
      {"CpuUnknown", {"--cpus", "client=99999"}, {"--cpus", "99999"}},
      {"CpusWithoutSide", {"--cpus", "0,1"}, {"--cpus", "write client="}},
      {"CloseUnknown", {"--close", "slam"}, {"--close", "slam", "rst"}},
      {"CloseInOtherWords", {"--close", "reset"}, {"--close", "did you mean rst?"}},
      {"SamplesUnknown", {"--samples", "some"}, {"--samples", "some"}},
      {"SwitchNeitherOnNorOff", {"--syscalls", "perhaps"}, {"--syscalls", "perhaps"}},
      {"SeedNotANumber", {"--seed", "x"}, {"--seed", "x"}},
      {"SeedNegative", {"--seed=-5"}, {"--seed", "-5"}},
      {"UnknownConnectorIsNotAnsweredWithAllNames",
       {"--connector", "epol"},
       {"did you mean 'epoll'? (connbench list shows all)\n"}},
      {"FlagUnknown", {"--conector", "epoll"}, {"--conector", "did you mean --connector?"}},
  };
}

std::vector<BadInput> every_bad_input() {
  std::vector<BadInput> all = first_bad_inputs();
  std::ranges::move(more_bad_inputs(), std::back_inserter(all));
  return all;
}

class BadInputs : public testing::TestWithParam<BadInput> {};
INSTANTIATE_TEST_SUITE_P(Run, BadInputs, testing::ValuesIn(every_bad_input()),
                         [](const auto& test) { return test.param.name; });

TEST_P(BadInputs, IsRefusedByNameBeforeAnythingStarts) {
  const TemporaryFolder folder;
  const std::string out = folder.path() / "run";
  std::vector<std::string> arguments{"run", "--out", out};
  arguments.insert(arguments.end(), GetParam().arguments.begin(), GetParam().arguments.end());
  const Ended ended = connbench(arguments);
  EXPECT_EQ(ended.status, 2);
  for (const std::string& word : GetParam().expected) EXPECT_THAT(ended.err, HasSubstr(word));
  EXPECT_THAT(ended.out, IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST(Limits, MoreInFlightThanDescriptorsIsRefusedWithTheLimitAndHowToRaiseIt) {
  const TemporaryFolder folder;
  const std::string out = folder.path() / "run";
  const Ended ended = connbench({"run", "--connector", "epoll", "--concurrency", "300", "--out", out}, [] {
    const rlimit limit{256, 256};
    ::setrlimit(RLIMIT_NOFILE, &limit);
  });
  EXPECT_EQ(ended.status, 3);
  EXPECT_THAT(ended.err, AllOf(HasSubstr("epoll"), HasSubstr("300"), HasSubstr("RLIMIT_NOFILE"), HasSubstr("256"),
                               HasSubstr("To raise it"), HasSubstr("--concurrency")));
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST(Limits, MoreThreadsThanAUserMayHaveIsRefusedWithTheLimitAndHowToRaiseIt) {
  const Ended ended = connbench({"run", "--connector", "blocking-threads", "--concurrency", "3000", "--dry-run"}, [] {
    const rlimit limit{2000, 2000};
    ::setrlimit(RLIMIT_NPROC, &limit);
    if (::getuid() == 0 && ::setuid(some_other_user) != 0) ::_exit(could_not_execute);  // root is exempt
  });
  if (ended.status == could_not_execute) GTEST_SKIP() << "another user cannot reach " << CONNBENCH_PROGRAM;
  EXPECT_EQ(ended.status, 3);
  EXPECT_THAT(ended.err, AllOf(HasSubstr("blocking-threads"), HasSubstr("3000"), HasSubstr("RLIMIT_NPROC"),
                               HasSubstr("To raise it")));
}

TEST(Limits, AnEventLoopIsNotBoundByTheLimitOfThreads) {
  const Ended ended = connbench({"run", "--connector", "epoll", "--concurrency", "3000", "--dry-run"}, [] {
    const rlimit limit{2000, 2000};
    ::setrlimit(RLIMIT_NPROC, &limit);
    if (::getuid() == 0 && ::setuid(some_other_user) != 0) ::_exit(could_not_execute);
  });
  if (ended.status == could_not_execute) GTEST_SKIP() << "another user cannot reach " << CONNBENCH_PROGRAM;
  EXPECT_EQ(ended.status, 0) << ended.err;
}

}  // namespace
}  // namespace connbench
