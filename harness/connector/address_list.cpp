#include "harness/connector/address_list.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <stdexcept>

namespace connbench {
namespace {

constexpr std::string_view between_ends = "..";
constexpr char separator = '~';

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
  throw std::invalid_argument(fmt::format(
      "'{}' {}; write addresses or ranges of them, separated by '~': 127.0.0.2..127.0.0.9~127.1.0.1", text, why));
}

Endpoint parse_address(std::string_view text) {
  const std::string address(text);
  in_addr v4{};
  if (::inet_pton(AF_INET, address.c_str(), &v4) == 1) return Endpoint::ipv4(ntohl(v4.s_addr), 0);
  in6_addr v6{};
  if (::inet_pton(AF_INET6, address.c_str(), &v6) == 1) return Endpoint::ipv6(v6, 0);
  refuse(text, "is no IP address");
}

// The last 32 bits, by which the addresses of a range differ.
uint32_t number_of(const Endpoint& address) {
  uint32_t last = 0;
  if (address.family() == AF_INET6) {
    const auto& bytes = reinterpret_cast<const sockaddr_in6*>(address.address())->sin6_addr.s6_addr;
    std::memcpy(&last, bytes + 12, sizeof last);
  } else {
    last = reinterpret_cast<const sockaddr_in*>(address.address())->sin_addr.s_addr;
  }
  return ntohl(last);
}

Endpoint with_number(const Endpoint& address, uint32_t number) {
  if (address.family() != AF_INET6) return Endpoint::ipv4(number, 0);
  in6_addr bytes = reinterpret_cast<const sockaddr_in6*>(address.address())->sin6_addr;
  const uint32_t last = htonl(number);
  std::memcpy(bytes.s6_addr + 12, &last, sizeof last);
  return Endpoint::ipv6(bytes, 0);
}

/// What stands between two separators: both ends are the same for a single address.
struct Item {
  Endpoint first, last;
  size_t size() const { return size_t{number_of(last)} - number_of(first) + 1; }
};

Item parse_item(std::string_view text) {
  const size_t dots = text.find(between_ends);
  if (dots == std::string_view::npos) return {parse_address(text), parse_address(text)};
  const Item item{parse_address(text.substr(0, dots)), parse_address(text.substr(dots + between_ends.size()))};
  if (!(with_number(item.first, number_of(item.last)) == item.last))
    refuse(text, "is no range: its ends differ in more than their last 32 bits");
  if (number_of(item.last) < number_of(item.first)) refuse(text, "ends before it begins");
  return item;
}

std::vector<Item> parse_items(std::string_view text) {
  std::vector<Item> items;
  size_t count = 0;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    items.push_back(parse_item(text.substr(begin, end - begin)));
    count += items.back().size();
    if (count > most_addresses_in_a_list)
      refuse(text, fmt::format("has more than {} addresses", most_addresses_in_a_list));
    begin = end + 1;
  }
  return items;
}

}  // namespace

std::string address_text(const Endpoint& address) {
  char text[INET6_ADDRSTRLEN] = "";
  const void* bytes =
      address.family() == AF_INET6
          ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6*>(address.address())->sin6_addr)
          : &reinterpret_cast<const sockaddr_in*>(address.address())->sin_addr;
  ::inet_ntop(address.family(), bytes, text, sizeof text);
  return text;
}

std::vector<Endpoint> parse_address_list(std::string_view text) {
  std::vector<Endpoint> addresses;
  for (const Item& item : parse_items(text))
    for (size_t i = 0; i < item.size(); ++i)
      addresses.push_back(with_number(item.first, number_of(item.first) + static_cast<uint32_t>(i)));
  return addresses;
}

std::string canonical_address_list(std::string_view text) {
  std::string canonical;
  for (const Item& item : parse_items(text)) {
    if (!canonical.empty()) canonical += separator;
    canonical += address_text(item.first);
    if (item.size() > 1) canonical.append(between_ends).append(address_text(item.last));
  }
  return canonical;
}

}  // namespace connbench
