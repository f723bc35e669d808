// RFC 8305, section 4: address families alternate.
#include "impl/races/address_order.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace connbench {
namespace {

// Takes one '6' or '4' per address; returns the resulting order of their positions.
std::string order_of(std::string_view families) {
  std::vector<Endpoint> addresses;
  for (size_t i = 0; i < families.size(); ++i) {
    const auto port = static_cast<uint16_t>(i);
    addresses.push_back(families[i] == '6' ? Endpoint::ipv6(in6addr_loopback, port)
                                           : Endpoint::ipv4(INADDR_LOOPBACK, port));
  }
  std::string order;
  for (size_t i = 0; i < addresses.size(); ++i) order += std::to_string(interleaved(addresses, i).port());
  return order;
}

TEST(AddressOrder, IsUnchangedForOneAddressOrOneFamily) {
  EXPECT_EQ(order_of("6"), "0");
  EXPECT_EQ(order_of("444"), "012");
}

TEST(AddressOrder, AlternatesBeginningWithTheFirstFamily) {
  EXPECT_EQ(order_of("6644"), "0213");
  EXPECT_EQ(order_of("4466"), "0213");
  EXPECT_EQ(order_of("6464"), "0123");
}

TEST(AddressOrder, PutsTheRestOfTheLongerFamilyLast) {
  EXPECT_EQ(order_of("66664"), "04123");
  EXPECT_EQ(order_of("64444"), "01234");
  EXPECT_EQ(order_of("666644"), "041523");
}

}  // namespace
}  // namespace connbench
