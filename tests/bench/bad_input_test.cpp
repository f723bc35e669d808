// Arguments that connbench refuses, and runs that exceed a limit of the machine.
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <algorithm>

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
      {"ConcurrencyEndless", {"--concurrency", "18446744073709551615"}, {"--concurrency", "from 1 to 100000000"}},
      {"ShardsEndless", {"--shards", "20000", "--concurrency", "20000"}, {"--shards", "from 1 to 10000"}},
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
      {"ConcurrencyWithAThousand", {"--concurrency", "1,024"}, {"'024'", "a comma separates values", "write 1024"}},
      {"MixWithPercentSigns", {"--mix", "accepting=80%,blackhole=20%"}, {"did you mean accepting=80?"}},
      {"TimeoutZero", {"--timeout", "0ms"}, {"--timeout"}},
      {"TimeoutTwice", {"--timeout", "5ms,5ms"}, {"--timeout", "twice"}},
      {"TimeoutTwiceInOtherWords", {"--timeout", "1s,1000ms"}, {"--timeout", "twice"}},
      {"TimeoutEndless", {"--timeout", "6000000000s"}, {"--timeout", "from 1ns to 1440min"}},
      {"AttemptsEndless", {"--attempts", "18446744073709551615"}, {"--attempts", "from 1 to 100000000"}},
      {"RepetitionsEndless", {"--repetitions", "4294967296"}, {"--repetitions", "from 1 to 10000"}},
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
      {"AddressesZero", {"--addresses", "0"}, {"--addresses", "from 1 to 250"}},
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
      {"SamplesFormatUnknown", {"--samples-format", "gz"}, {"--samples-format", "gz", "csv", "zst"}},
      {"NothingToCompress",
       {"--samples", "none", "--samples-format", "zst"},
       {"--samples-format", "nothing to compress", "--samples none"}},
      {"SwitchNeitherOnNorOff", {"--syscalls", "perhaps"}, {"--syscalls", "perhaps"}},
      {"SeedNotANumber", {"--seed", "x"}, {"--seed", "x"}},
      {"SeedNegative", {"--seed=-5"}, {"--seed", "-5"}},
      {"UnknownConnectorIsNotAnsweredWithAllNames",
       {"--connector", "epol"},
       {"did you mean 'epoll'? (connbench list shows all)\n"}},
      {"FlagUnknown", {"--conector", "epoll"}, {"--conector", "did you mean --connector?"}},
  };
}

// Numbers that overflow, vanish, or mean something else to somebody else.
std::vector<BadInput> extreme_numbers() {
  return {
      {"SeedThatLooksOctal", {"--seed", "010"}, {"--seed", "'010'", "from 0 to 18446744073709551615"}},
      {"SeedBeyond64Bits", {"--seed", "18446744073709551616"}, {"--seed", "to 18446744073709551615"}},
      {"SeedWithAFraction", {"--seed", "1.5"}, {"--seed", "'1.5'"}},
      {"SeedHexadecimal", {"--seed", "0x10"}, {"--seed", "'0x10'"}},
      {"CountThatLooksOctal", {"--attempts", "010"}, {"--attempts", "'010'"}},
      {"TimeThatLooksOctal", {"--timeout", "010ms"}, {"--timeout", "'010ms'"}},
      {"RateTooLow", {"--arrival", "uniform:0.0000000001/s"}, {"--arrival", "from 0.001/s to 1000000000/s"}},
      {"RateTooHigh", {"--arrival", "poisson:1000000001/s"}, {"--arrival", "from 0.001/s to 1000000000/s"}},
      {"RateWithAComma", {"--arrival", "poisson:1,000/s"}, {"--arrival", "did you mean poisson:1000/s?"}},
      {"RateThatTakesYears",
       {"--arrival", "uniform:0.001/s", "--attempts", "100000"},
       {"--arrival uniform:0.001/s", "1.16e+03 days", "lower --attempts"}},
      {"ExternalRateTooLow",
       {"--external", "--target", "127.0.0.1:9", "--attempts", "9", "--external-rate", "0.0000000001/s"},
       {"--external-rate", "from 0.001/s"}},
      {"ExternalRateThatTakesDays",
       {"--external", "--target", "127.0.0.1:9", "--attempts", "1000", "--connector", "epoll", "--external-rate",
        "0.01/s"},
       {"--external-rate", "1.16 days"}},
      {"GoalTooLong", {"--find-rate", "p99<2s"}, {"--find-rate", "from 1ns to 1s"}},
      {"GoalOfZero", {"--find-rate", "p99<0ms"}, {"--find-rate", "from 1ns to 1s"}},
      {"StackTooSmall", {"--connector", "poll-pool+stack:8"}, {"stack", "'8'", "from 16KiB to 1GiB"}},
      {"StackTooLarge", {"--connector", "poll-pool+stack:17179869183GiB"}, {"stack", "from 16KiB to 1GiB"}},
      {"StackInOtherUnits", {"--connector", "poll-pool+stack:64k"}, {"stack", "did you mean 64KiB?"}},
      {"PoolTooLarge", {"--connector", "poll-pool+threads:18446744073709551615"}, {"threads", "from 1 to 1000000"}},
      {"StaggerTooLong", {"--connector", "happy-eyeballs+stagger:292000min"}, {"stagger", "to 1440min"}},
      {"EachZero", {"--connector", "sequential+each:0s"}, {"each", "from 1ns"}},
      {"RoundTripTooLong", {"--target", "delayed:11s"}, {"delayed", "from 0s to 10s", "example: delayed:20ms"}},
      {"RoundTripWithoutUnit", {"--target", "delayed:20"}, {"delayed", "did you mean 20ms?"}},
      {"LossTooSmallToHappen", {"--target", "lossy:0.00001%"}, {"lossy", "from 0.0001 to 100"}},
      {"LossAboveAll", {"--target", "lossy:100.1%"}, {"lossy", "from 0.0001 to 100"}},
      {"LossWithoutSign", {"--target", "lossy:10"}, {"lossy", "with its sign"}},
      {"TooManyLosses", {"--target", "lossy-syn:11"}, {"lossy-syn", "from 1 to 10"}},
      {"BacklogTooLong", {"--target", "overflowing:4097"}, {"overflowing", "from 1 to 4096"}},
      {"IntervalOfZero", {"--target", "slow-accept:0ms"}, {"slow-accept", "from 1ns to 10s"}},
      {"ShareTooFine", {"--mix", "accepting=99.999,blackhole=0.001"}, {"--mix", "at most two decimals"}},
      {"ProcessorThatLooksOctal", {"--cpus", "client=00"}, {"--cpus", "'00'"}},
  };
}

// Two spellings of one value would make two rows that nobody can tell apart.
std::vector<BadInput> repeated_values() {
  return {
      {"TargetInOtherWords",
       {"--target", "delayed:20ms,delayed:0.02s"},
       {"delayed:20ms is given twice", "delayed:0.02s"}},
      {"TargetWithItsDefault", {"--target", "delayed,delayed:20ms"}, {"is given twice"}},
      {"JitterInOtherWords", {"--target", "jittered:20ms~5ms,jittered:0.02s~5000us"}, {"is given twice"}},
      {"LossInOtherWords", {"--target", "lossy:10%,lossy:10.0%"}, {"is given twice"}},
      {"MixInOtherOrder",
       {"--mix", "accepting=90,blackhole=10", "--mix", "blackhole=10.0,accepting=90"},
       {"--mix", "is given twice"}},
      {"MixWithATargetInOtherWords", {"--mix", "delayed:20ms=50,delayed:0.02s=50"}, {"delayed:20ms is given twice"}},
      {"OptionsInOtherOrder",
       {"--connector", "epoll+detect:recv+wait:pwait2,epoll+wait:pwait2+detect:recv"},
       {"is given twice (as epoll+wait:pwait2+detect:recv)"}},
      {"OptionInOtherWords",
       {"--connector", "poll-pool+stack:128KiB,poll-pool+stack:131072"},
       {"poll-pool+stack:128KiB is given twice (as poll-pool+stack:131072)"}},
      {"ProcessorTwice", {"--cpus", "client=0,client=0"}, {"--cpus", "twice"}},
  };
}

// "" where a value is needed: a variable of a script that is not set must not mean the default.
std::vector<BadInput> empty_values() {
  std::vector<BadInput> all;
  for (const std::string flag : {"connector",
                                 "target",
                                 "mix",
                                 "family",
                                 "concurrency",
                                 "timeout",
                                 "attempts",
                                 "repetitions",
                                 "arrival",
                                 "find-rate",
                                 "shards",
                                 "wave-limit",
                                 "cpus",
                                 "close",
                                 "sysctl",
                                 "external-rate",
                                 "external-attempts",
                                 "external-concurrency",
                                 "samples",
                                 "samples-format",
                                 "syscalls",
                                 "handshake",
                                 "pcap",
                                 "seed"}) {
    std::string name = "Empty_" + flag;
    std::ranges::replace(name, '-', '_');
    all.push_back({name, {"--" + flag, ""}, {"--" + flag + " needs a value"}});
  }
  all.push_back({"EmptyItem", {"--concurrency", "1,,2"}, {"--concurrency: a value in '1,,2' is empty"}});
  all.push_back({"EmptyLastItem", {"--connector", "epoll,"}, {"--connector: a value in 'epoll,' is empty"}});
  return all;
}

std::vector<BadInput> every_bad_input() {
  std::vector<BadInput> all;
  for (const auto& some : {first_bad_inputs(), more_bad_inputs(), extreme_numbers(), repeated_values(), empty_values()})
    all.insert(all.end(), some.begin(), some.end());
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
