#include "harness/connector/registry.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace connbench {
namespace {

CloseMode close_of(std::string_view name, CloseMode run) {
  return find_connector(name).policy({.close = run, .handshake = true}).close;
}

TEST(NamedConnector, ClosesConnectionsAsItsNameSays) {
  for (const CloseMode run : {CloseMode::rst, CloseMode::fin, CloseMode::hold}) {
    EXPECT_EQ(close_of("epoll+close:rst", run), CloseMode::rst);
    EXPECT_EQ(close_of("blocking+close:fin", run), CloseMode::fin);
    EXPECT_EQ(close_of("poll-pool+threads:2+close:hold", run), CloseMode::hold);
  }
}

TEST(NamedConnector, ClosesThemAsTheRunSaysWhenItsNameDoesNot) {
  for (const CloseMode run : {CloseMode::rst, CloseMode::fin, CloseMode::hold})
    EXPECT_EQ(close_of("epoll+detect:recv", run), run);
}

TEST(NamedConnector, LeavesTheRestOfThePolicyAlone) {
  EXPECT_TRUE(find_connector("epoll+close:fin").policy({.handshake = true}).handshake);
}

TEST(NamedConnector, RefusesAnUnknownWayToCloseThem) {
  EXPECT_THROW(find_connector("epoll+close:shutdown"), std::invalid_argument);
}

}  // namespace
}  // namespace connbench
