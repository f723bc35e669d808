#include "cluster/hosts.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <stdexcept>
#include <system_error>

namespace connbench::cluster {
namespace {

bool is_address(const std::string& text) {
  std::array<char, sizeof(in6_addr)> address;
  return ::inet_pton(AF_INET, text.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), address.data()) == 1;
}

}  // namespace

HostName parse_host(std::string_view text) {
  const size_t equals = text.find('=');
  HostName host{std::string(text.substr(0, equals)), ""};
  // What begins with a dash would be an option of the launcher; other characters have a meaning in a shell.
  const auto of_a_name = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.'; };
  if (host.name.empty() || host.name.front() == '-' || !std::ranges::all_of(host.name, of_a_name))
    throw std::invalid_argument(fmt::format("'{}' is no name of a host", host.name));
  if (equals == std::string_view::npos) return host;
  host.address = text.substr(equals + 1);
  if (!is_address(host.address))
    throw std::invalid_argument(
        fmt::format("'{}': '{}' is no IP address; a host at a certain address is written {}=10.0.0.4", text,
                    host.address, host.name));
  return host;
}

std::vector<HostName> read_hostfile(const std::filesystem::path& path) {
  std::error_code ignored;
  std::ifstream file;
  if (std::filesystem::is_regular_file(path, ignored)) file.open(path);  // a FIFO would block
  if (!file.is_open()) throw std::invalid_argument(fmt::format("{} cannot be read", path.string()));
  std::vector<HostName> hosts;
  for (std::string line; std::getline(file, line);) {
    line.erase(std::min(line.find('#'), line.size()));
    const size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string::npos) continue;
    hosts.push_back(parse_host(line.substr(begin, line.find_first_of(" \t\r", begin) - begin)));
  }
  if (hosts.empty()) throw std::invalid_argument(fmt::format("{} names no host", path.string()));
  return hosts;
}

bool is_this_machine(std::string_view name) {
  std::array<char, 256> own{};
  return name == "localhost" || (::gethostname(own.data(), own.size() - 1) == 0 && name == own.data());
}

}  // namespace connbench::cluster
