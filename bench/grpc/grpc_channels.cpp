// How long a channel of gRPC takes to become READY, next to a bare connect() to the same server, and what it costs.
//
//   grpc_channels [--quick] [--pcap FILE]
//
// scripts/method grpc runs it and makes tables of its answer, one JSON object on stdout. Status 0; 2: unusable
// arguments; 5: something broke.
#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <memory>
#include <span>
#include <stdexcept>
#include <string_view>

#include "bench/grpc/experiment.h"
#include "harness/machine/machine.h"
#include "harness/process/known_state.h"
#include "harness/support/output_file.h"

namespace {

using namespace connbench;

constexpr std::string_view usage = "usage: grpc_channels [--quick] [--pcap FILE]\n";

struct Arguments {
  bool quick = false;
  std::string pcap{};
};

bool parse(std::span<char*> words, Arguments& into) {
  for (size_t i = 1; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "--quick")
      into.quick = true;
    else if (word == "--pcap" && i + 1 < words.size())
      into.pcap = words[++i];
    else
      return false;
  }
  return true;
}

int measure_and_print(const Arguments& given, const channels::Site& site) {
  const auto& sizes = given.quick ? channels::a_little : channels::all_of_it;
  fmt::print("{}\n", channels::measure(site, sizes).dump());
  return std::fflush(stdout) == 0 ? 0 : 5;
}

int measure_in_lab(const Arguments& given) {
  std::unique_ptr<OutputFile> pcap;
  if (!given.pcap.empty()) {
    pcap = std::make_unique<OutputFile>("--pcap", given.pcap);
    pcap->begin();
  }
  const int file = pcap ? pcap->fd() : -1;
  try {
    return lab::run_in_lab({.capture = pcap != nullptr, .seed = 1}, [&](lab::Lab& lab) {
      return measure_and_print(given, {.lab = &lab, .why_not = "", .pcap = file});
    });
  } catch (const lab::Unavailable& error) {
    return measure_and_print(given, {.lab = nullptr, .why_not = error.what(), .pcap = -1});
  }
}

}  // namespace

int main(int argc, char** argv) try {
  enter_known_state();
  remove_variables(std::array<std::string_view, 1>{"GRPC_*"});  // they change how gRPC works
  Arguments given;
  if (!parse({argv, static_cast<size_t>(argc)}, given)) {
    fmt::print(stderr, usage);
    return 2;
  }
  raise_descriptor_limit();
  return measure_in_lab(given);
} catch (const std::invalid_argument& error) {
  fmt::print(stderr, "grpc_channels: {}\n", error.what());
  return 2;
} catch (const std::exception& error) {
  fmt::print(stderr, "grpc_channels: {}\n", error.what());
  return 5;
}
