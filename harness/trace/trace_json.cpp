#include "harness/trace/trace_json.h"

#include <algorithm>

#include "harness/support/kernel_names.h"
#include "harness/trace/call_text.h"
#include "harness/trace/packets.h"

namespace connbench::trace {
namespace {

using Json = nlohmann::ordered_json;

constexpr int schema_version = 1;

Json time_or_null(int64_t time_ns) {
  return time_ns == 0 ? Json() : Json(time_ns);
}

Json error_or_null(int error) {
  return error == 0 ? Json() : Json(error_name(error));
}

template <class Range, class Describe>
Json array(const Range& range, Describe describe) {
  Json all = Json::array();
  for (const auto& element : range) all.push_back(describe(element));
  return all;
}

Json of_attempt(const AttemptSeen& attempt) {
  return {{"outcome", to_string(attempt.outcome)},
          {"stage", to_string(attempt.stage)},
          {"errno", error_or_null(attempt.error)},
          {"started_ns", time_or_null(attempt.started_ns)},
          {"finished_ns", time_or_null(attempt.finished_ns)}};
}

Json of_connection(const Connection& connection) {
  return {{"client", connection.client.to_string()}, {"server", connection.server.to_string()}};
}

Json of_call(const SystemCall& call) {
  const bool ended = call.end_ns != 0;
  return {{"name", call.name},
          {"arguments", call.arguments},
          {"result", ended ? Json(call.result) : Json()},
          {"value", ended ? Json(call.value) : Json()},
          {"errno", error_or_null(call.error)},
          {"thread", call.thread},
          {"begin_ns", call.begin_ns},
          {"end_ns", time_or_null(call.end_ns)},
          {"told", call.shown}};
}

Json of_signal(const SignalSeen& seen) {
  return {{"number", seen.number}, {"thread", seen.thread}, {"time_ns", seen.time_ns}};
}

Json of_state(const StateSeen& seen) {
  return {{"connection", seen.connection},
          {"side", seen.side == Side::client ? "client" : "server"},
          {"state", tcp_state_name(seen.state)},
          {"not_before_ns", time_or_null(seen.not_before_ns)},
          {"seen_ns", seen.seen_ns}};
}

Json of_options(const TcpOptions& options) {
  Json json = Json::object();
  if (options.mss >= 0) json["mss"] = options.mss;
  if (options.sack_permitted) json["sack_permitted"] = true;
  if (options.sack_blocks > 0) json["sack_blocks"] = options.sack_blocks;
  if (options.timestamps) json["timestamps"] = {{"val", options.timestamp}, {"ecr", options.timestamp_echo}};
  if (options.window_scale >= 0) json["window_scale"] = options.window_scale;
  return json;
}

Json of_packet(const Packet& packet) {
  Json json{{"time_ns", packet.time_ns},
            {"end", to_string(packet.end)},
            {"to", packet.to_server ? "server" : "client"},
            {"sighting", packet.sighting},
            {"arrived_ns", time_or_null(packet.arrived_ns)},
            {"connection", packet.connection < 0 ? Json() : Json(packet.connection)}};
  if (packet.kind == Packet::Kind::notice) {
    json["notice"] = packet.notice;
    return json;
  }
  json["flags"] = flag_letters(packet.flags);
  json["seq"] = packet.relative_sequence;
  json["ack"] = (packet.flags & 16U) != 0 ? Json(packet.relative_acknowledgement) : Json();
  json["raw_seq"] = packet.sequence;
  json["window"] = packet.window;
  json["length"] = packet.length;
  json["options"] = of_options(packet.options);
  json["retransmission"] = packet.retransmission;
  return json;
}

}  // namespace

Json to_json(const Trace& trace) {
  return {{"schema_version", schema_version},
          {"connector", trace.connector},
          {"target", trace.target},
          {"lab_rights", trace.rights},
          {"origin_ns", trace.origin_ns()},
          {"means",
           {{"calls", "ptrace"},
            {"packets", "libpcap"},
            {"states", "sock_diag"},
            {"looks", trace.looks},
            {"look_gap_p50_ns", trace.look_gap_p50_ns}}},
          {"attempts", array(trace.attempts, of_attempt)},
          {"connections", array(trace.connections, of_connection)},
          {"calls", array(trace.calls, of_call)},
          {"signals", array(trace.signals, of_signal)},
          {"packets", array(trace.packets, of_packet)},
          {"other_packets", trace.other_packets},
          {"states", array(trace.states, of_state)},
          {"notes", trace.notes}};
}

}  // namespace connbench::trace
