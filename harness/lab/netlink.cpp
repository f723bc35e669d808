#include "harness/lab/netlink.h"

#include <fmt/format.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/handlers.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <netlink/socket.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "harness/support/clock.h"

namespace connbench::lab {
namespace {

template <auto release>
struct Release {
  template <class Object>
  void operator()(Object* object) const noexcept {
    release(object);
  }
};
template <class Object, auto release>
using Handle = std::unique_ptr<Object, Release<release>>;

using AddressHandle = Handle<nl_addr, nl_addr_put>;

// Maps libnl's own codes back to errno, the reverse of nl_syserr2nlerr(). For an errno that has no code of libnl, as
// EMFILE, only errno itself still tells.
int errno_of(int code, int last_errno) {
  constexpr std::pair<int, int> pairs[] = {{NLE_PERM, EPERM},           {NLE_EXIST, EEXIST},
                                           {NLE_NOMEM, ENOMEM},         {NLE_OPNOTSUPP, EOPNOTSUPP},
                                           {NLE_NOADDR, EADDRNOTAVAIL}, {NLE_OBJ_NOTFOUND, ENOENT},
                                           {NLE_INTR, EINTR},           {NLE_AGAIN, EAGAIN},
                                           {NLE_NOACCESS, EACCES},      {NLE_AF_NOSUPPORT, EAFNOSUPPORT},
                                           {NLE_BUSY, EBUSY},           {NLE_RANGE, ERANGE},
                                           {NLE_NODEV, ENODEV},         {NLE_PROTO_MISMATCH, EPROTONOSUPPORT}};
  for (const auto& [of_libnl, error] : pairs)
    if (code == of_libnl) return error;
  return code == NLE_FAILURE && last_errno != 0 ? last_errno : EINVAL;
}

void succeed(int result, const std::string& what) {
  if (result < 0) throw std::system_error(errno_of(-result, errno), std::generic_category(), what);
}

AddressHandle handle_of(const IpPrefix& prefix) {
  AddressHandle address(nl_addr_build(prefix.family, prefix.bytes.data(), prefix.family == AF_INET ? 4 : 16));
  if (!address) throw std::bad_alloc();
  nl_addr_set_prefixlen(address.get(), static_cast<int>(prefix.length));
  return address;
}

// nl_socket_alloc() would take its callbacks from the variable NLCB, which makes libnl print all messages.
nl_sock* new_socket() {
  const Handle<nl_cb, nl_cb_put> callbacks(nl_cb_alloc(NL_CB_DEFAULT));
  return callbacks ? nl_socket_alloc_cb(callbacks.get()) : nullptr;
}

AddressHandle handle_of(const Mac& mac) {
  AddressHandle address(nl_addr_build(AF_LLC, mac.data(), mac.size()));
  if (!address) throw std::bad_alloc();
  return address;
}

std::string text_of(const IpPrefix& prefix) {
  char text[64];
  return nl_addr2str(handle_of(prefix).get(), text, sizeof text);
}

void describe(rtnl_link* link, const VethEnd& end) {
  rtnl_link_set_name(link, end.name);
  rtnl_link_set_ifindex(link, end.index);
  rtnl_link_set_addr(link, handle_of(end.mac).get());
}

}  // namespace

IpPrefix IpPrefix::ipv4(uint32_t address, unsigned length) noexcept {
  IpPrefix prefix{.family = AF_INET, .bytes = {}, .length = length};
  for (size_t i = 0; i < 4; ++i) prefix.bytes[i] = static_cast<uint8_t>(address >> (24 - 8 * i));
  return prefix;
}

IpPrefix IpPrefix::ipv6(const in6_addr& address, unsigned length) noexcept {
  IpPrefix prefix{.family = AF_INET6, .bytes = {}, .length = length};
  std::copy(std::begin(address.s6_addr), std::end(address.s6_addr), prefix.bytes.begin());
  return prefix;
}

void Netlink::Close::operator()(nl_sock* socket) const noexcept {
  nl_socket_free(socket);
}

Netlink::Netlink() : socket_(new_socket()) {
  if (!socket_) throw std::bad_alloc();
  errno = 0;
  succeed(nl_connect(socket_.get(), NETLINK_ROUTE), "connecting a netlink socket");
}

void Netlink::add_veth(const VethEnd& here, const VethEnd& there, int there_namespace) {
  const Handle<rtnl_link, rtnl_link_veth_release> link(rtnl_link_veth_alloc());
  if (!link) throw std::bad_alloc();
  describe(link.get(), here);
  const Handle<rtnl_link, rtnl_link_put> peer(rtnl_link_veth_get_peer(link.get()));  // returns its own reference
  describe(peer.get(), there);
  rtnl_link_set_ns_fd(peer.get(), there_namespace);
  const int added = rtnl_link_add(socket_.get(), link.get(), NLM_F_CREATE | NLM_F_EXCL);
  const char* remedy = added == -NLE_OPNOTSUPP ? " (as root: modprobe veth)" : "";
  succeed(added, fmt::format("adding the veth pair {} and {}{}", here.name, there.name, remedy));
}

void Netlink::set_up(int interface) {
  const Handle<rtnl_link, rtnl_link_put> link(rtnl_link_alloc());
  const Handle<rtnl_link, rtnl_link_put> wanted(rtnl_link_alloc());
  if (!link || !wanted) throw std::bad_alloc();
  rtnl_link_set_ifindex(link.get(), interface);
  rtnl_link_set_flags(wanted.get(), IFF_UP);
  succeed(rtnl_link_change(socket_.get(), link.get(), wanted.get(), 0),
          fmt::format("bringing interface {} up", interface));
}

void Netlink::wait_until_up(int interface) {
  constexpr Duration patience = std::chrono::seconds(10);
  const std::string what = fmt::format("waiting for interface {} to come up", interface);
  for (const TimePoint end = now() + patience; now() < end; sleep_until(now() + std::chrono::microseconds(50))) {
    rtnl_link* asked = nullptr;
    succeed(rtnl_link_get_kernel(socket_.get(), interface, nullptr, &asked), what);
    const Handle<rtnl_link, rtnl_link_put> link(asked);
    if (rtnl_link_get_operstate(link.get()) == IF_OPER_UP) return;
  }
  throw std::system_error(ETIMEDOUT, std::generic_category(), what);
}

void Netlink::add_address(int interface, const IpPrefix& prefix) {
  const Handle<rtnl_addr, rtnl_addr_put> address(rtnl_addr_alloc());
  if (!address) throw std::bad_alloc();
  rtnl_addr_set_ifindex(address.get(), interface);
  const AddressHandle local = handle_of(prefix);
  succeed(rtnl_addr_set_local(address.get(), local.get()), "setting an address");
  rtnl_addr_set_flags(address.get(), IFA_F_NODAD);
  succeed(rtnl_addr_add(socket_.get(), address.get(), 0), fmt::format("adding address {}", text_of(prefix)));
}

void Netlink::add_neighbour(int interface, const IpPrefix& prefix, const Mac& mac) {
  const Handle<rtnl_neigh, rtnl_neigh_put> neighbour(rtnl_neigh_alloc());
  if (!neighbour) throw std::bad_alloc();
  rtnl_neigh_set_ifindex(neighbour.get(), interface);
  rtnl_neigh_set_dst(neighbour.get(), handle_of(prefix).get());
  rtnl_neigh_set_lladdr(neighbour.get(), handle_of(mac).get());
  rtnl_neigh_set_state(neighbour.get(), NUD_PERMANENT);
  succeed(rtnl_neigh_add(socket_.get(), neighbour.get(), NLM_F_CREATE),
          fmt::format("adding neighbour {}", text_of(prefix)));
}

void Netlink::add_route(const IpPrefix& to, const Route& wanted) {
  const Handle<rtnl_route, rtnl_route_put> route(rtnl_route_alloc());
  if (!route) throw std::bad_alloc();
  rtnl_route_set_dst(route.get(), handle_of(to).get());
  rtnl_route_set_type(route.get(), wanted.type);
  rtnl_route_set_table(route.get(), wanted.type == RTN_LOCAL ? RT_TABLE_LOCAL : RT_TABLE_MAIN);
  if (wanted.preferred != nullptr) rtnl_route_set_pref_src(route.get(), handle_of(*wanted.preferred).get());
  if (wanted.interface != 0) {
    rtnl_nexthop* hop = rtnl_route_nh_alloc();
    if (hop == nullptr) throw std::bad_alloc();
    rtnl_route_add_nexthop(route.get(), hop);  // takes ownership
    rtnl_route_nh_set_ifindex(hop, wanted.interface);
    if (wanted.gateway != nullptr) rtnl_route_nh_set_gateway(hop, handle_of(*wanted.gateway).get());
  }
  succeed(rtnl_route_add(socket_.get(), route.get(), NLM_F_CREATE), fmt::format("adding a route to {}", text_of(to)));
}

}  // namespace connbench::lab
