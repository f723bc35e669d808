#include "bench/version.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "bench/run_description.h"

namespace connbench {

std::string_view version_number() {
  return CONNBENCH_VERSION;
}

std::string version_text() {
  nlohmann::ordered_json environment = describe_environment();
  const auto& build = environment.at("build");
  const auto of_build = [&build](const char* what) { return build.at(what).get<std::string>(); };
  std::string flags = of_build("flags");
  flags.erase(0, flags.find_first_not_of(' '));  // those for all kinds of builds, before them, are often none
  std::string text = fmt::format("connbench {}\ncommit     {}\ncompiler   {}\nflags      {} ({})\n", CONNBENCH_VERSION,
                                 of_build("git_commit"), of_build("compiler"), flags, of_build("type"));
  auto& libraries = environment.at("libraries");
  libraries["liburing"] = CONNBENCH_LIBURING_VERSION;
  libraries["libnl"] = CONNBENCH_LIBNL_VERSION;
  libraries["libpcap"] = CONNBENCH_LIBPCAP_VERSION;
  std::string_view heading = "libraries";
  for (const auto& [name, version] : libraries.items()) {
    text += fmt::format("{:10} {} {}\n", heading, name, version.get<std::string>());
    heading = "";
  }
  return text;
}

}  // namespace connbench
