// Parsing frames, relating packets to each other, and formatting them.
#include "harness/trace/packets.h"

#include <gmock/gmock.h>
#include <netpacket/packet.h>

#include "harness/lab/network.h"
#include "harness/trace/packet_parser.h"

namespace connbench::trace {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

const Endpoint client = Endpoint::ipv4(0xc6120001, 40000);
const Endpoint server = Endpoint::ipv4(0xc6130001, 7000);
const Connection connection{client, server};

constexpr uint8_t fin = 1, syn = 2, rst = 4, psh = 8, ack = 16;

// A captured packet: a Linux cooked header v2 and what follows.
class Frame {
 public:
  Frame(int interface, uint8_t type, uint16_t protocol) {
    put16(protocol).put16(0).put16(0).put16(static_cast<uint16_t>(interface)).put16(1).put8(type).put8(6);
    for (int i = 0; i < 8; ++i) put8(0);
  }
  Frame& put8(unsigned value) {
    bytes_.push_back(static_cast<uint8_t>(value));
    return *this;
  }
  Frame& put16(unsigned value) { return put8(value >> 8).put8(value); }
  Frame& put32(uint32_t value) { return put16(value >> 16).put16(value); }
  Frame& ipv4(uint8_t protocol, size_t payload) {
    return put8(0x45)
        .put8(0)
        .put16(static_cast<unsigned>(20 + payload))
        .put16(77)
        .put16(0x4000)
        .put8(64)
        .put8(protocol)
        .put16(0)
        .put32(0xc6120001)
        .put32(0xc6130001);
  }
  // A SYN with the usual options: 40 bytes.
  Frame& syn_header() {
    put16(40000).put16(7000).put32(1000).put32(0).put8(10 << 4).put8(syn).put16(64240).put16(0).put16(0);
    put8(2).put8(4).put16(1460).put8(4).put8(2).put8(8).put8(10).put32(5).put32(0).put8(1).put8(3).put8(3).put8(7);
    return *this;
  }
  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
};

Frame syn_frame() {
  return Frame(lab::client_interface, PACKET_OUTGOING, 0x0800).ipv4(IPPROTO_TCP, 40).syn_header();
}

enum class Way : uint8_t { to_client, to_server };

Packet packet(Way way, uint8_t flags, uint32_t sequence, uint32_t acknowledgement = 0, uint32_t length = 0) {
  const bool to_server = way == Way::to_server;
  Packet packet;
  packet.source = to_server ? client : server;
  packet.destination = to_server ? server : client;
  packet.end = to_server ? End::client : End::server;
  packet.outgoing = true;
  packet.flags = flags;
  packet.sequence = sequence;
  packet.acknowledgement = acknowledgement;
  packet.length = length;
  packet.window = 501;
  return packet;
}

Packet arrival(Packet packet, int64_t time_ns) {
  packet.end = packet.end == End::client ? End::server : End::client;
  packet.outgoing = false;
  packet.time_ns = time_ns;
  return packet;
}

std::vector<Packet> related(std::vector<Packet> packets) {
  std::vector<Connection> connections;
  relate_packets(packets, connections, {&server, 1}, {});
  return packets;
}

TEST(PacketParser, ReadsASynWithItsOptions) {
  const auto packet = parse_packet(syn_frame().bytes());
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->source, client);
  EXPECT_EQ(packet->destination, server);
  EXPECT_EQ(packet->end, End::client);
  EXPECT_TRUE(packet->outgoing);
  EXPECT_EQ(packet->sequence, 1000U);
  EXPECT_EQ(packet->length, 0U);
  EXPECT_EQ(long_text(*packet),
            "Flags [S], seq 0, win 64240, options [mss 1460,sackOK,TS val 5 ecr 0,wscale 7], length 0");
}

TEST(PacketParser, RejectsEveryTruncatedFrame) {
  const Frame whole = syn_frame();
  for (size_t length = 0; length < whole.bytes().size(); ++length)
    EXPECT_FALSE(parse_packet(std::span(whole.bytes()).first(length))) << length;
}

TEST(PacketParser, IgnoresInterfacesOutsideTheLab) {
  EXPECT_FALSE(parse_packet(Frame(4, PACKET_OUTGOING, 0x0800).ipv4(IPPROTO_TCP, 40).syn_header().bytes()));
}

TEST(PacketParser, StopsAtAMalformedOption) {
  Frame frame(lab::server_interface, PACKET_HOST, 0x0800);
  frame.ipv4(IPPROTO_TCP, 24).put16(40000).put16(7000).put32(1).put32(0).put8(6 << 4).put8(ack).put16(1).put32(0);
  frame.put8(8).put8(200).put16(0);
  const auto packet = parse_packet(frame.bytes());
  ASSERT_TRUE(packet);
  EXPECT_FALSE(packet->options.timestamps);
}

TEST(PacketParser, AttributesAnErrorToTheConnectionItIsAbout) {
  Frame frame(lab::client_interface, PACKET_HOST, 0x0800);
  frame.ipv4(IPPROTO_ICMP, 8 + 28).put8(3).put8(1).put16(0).put32(0);
  frame.ipv4(IPPROTO_TCP, 40).put16(40000).put16(7000).put32(1000);
  const auto packet = parse_packet(frame.bytes());
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->source, server);
  EXPECT_EQ(packet->destination, client);
  EXPECT_EQ(short_text(*packet), "ICMP host unreachable");
}

TEST(PacketParser, ReportsTheAddressAnArpRequestAsksFor) {
  Frame frame(lab::client_interface, PACKET_OUTGOING, 0x0806);
  frame.put16(1)
      .put16(0x0800)
      .put8(6)
      .put8(4)
      .put16(1)
      .put16(2)
      .put32(0)
      .put32(0xc6120001)
      .put16(0)
      .put32(0)
      .put32(0xc6120101);
  const auto packet = parse_packet(frame.bytes());
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->notice, "ARP who has 198.18.1.1");
}

TEST(Packets, AreNumberedRelativeToTheSynOfTheirDirection) {
  const auto packets =
      related({packet(Way::to_server, syn, 1000), packet(Way::to_client, syn | ack, 5000, 1001),
               packet(Way::to_server, ack, 1001, 5001), packet(Way::to_client, psh | ack, 5001, 1001, 41),
               packet(Way::to_server, fin | ack, 1001, 5042)});
  std::vector<std::string> texts;
  for (const Packet& each : packets) texts.push_back(short_text(each));
  EXPECT_THAT(texts, ElementsAre("S <>", "S. ack 1 <>", ". ack 1", "P. seq 1:42 ack 1", "F. seq 1 ack 42"));
}

TEST(Packets, HaveRelativeNumbersThatSurviveWraparound) {
  const auto packets = related({packet(Way::to_server, syn, 0xffffffff), packet(Way::to_client, syn | ack, 7, 0),
                                packet(Way::to_server, psh | ack, 0, 8, 3)});
  EXPECT_EQ(short_text(packets[2]), "P. seq 1:4 ack 1");
}

TEST(Packets, AreRetransmissionsWhenTheirSequenceNumbersWereSentBefore) {
  const auto packets = related({packet(Way::to_server, syn, 1000), packet(Way::to_server, syn, 1000),
                                packet(Way::to_server, syn, 1000), packet(Way::to_client, syn | ack, 5000, 1001),
                                packet(Way::to_server, ack, 1001, 5001), packet(Way::to_server, ack, 1001, 5001)});
  EXPECT_EQ(packets[0].retransmission, 0U);
  EXPECT_EQ(short_text(packets[1]), "S RETRANSMISSION 1");
  EXPECT_EQ(short_text(packets[2]), "S RETRANSMISSION 2");
  EXPECT_EQ(packets[3].retransmission, 0U);
  EXPECT_EQ(packets[5].retransmission, 0U) << "an ACK takes no sequence number";
  EXPECT_THAT(long_text(packets[1]), testing::EndsWith("length 0 RETRANSMISSION 1"));
}

TEST(Packets, ArriveWhenTheOtherEndSeesThem) {
  Packet lost = packet(Way::to_server, syn, 1000);
  Packet again = packet(Way::to_server, syn, 1000);
  again.ip_id = 1;
  again.time_ns = 50;
  const auto packets = related({lost, again, arrival(again, 90)});
  EXPECT_EQ(packets[0].arrived_ns, 0);
  EXPECT_EQ(packets[1].arrived_ns, 90);
  EXPECT_TRUE(packets[2].sighting);
  EXPECT_EQ(packets[2].retransmission, 1U);
}

TEST(Packets, OfOtherConnectionsAreRemovedAndCounted) {
  Packet stranger = packet(Way::to_server, syn, 1);
  stranger.destination = Endpoint::ipv4(0xc6130001, 9);
  std::vector<Packet> packets{stranger, packet(Way::to_server, syn, 1)};
  std::vector<Connection> connections;
  EXPECT_EQ(relate_packets(packets, connections, {&server, 1}, {}), 1U);
  EXPECT_THAT(packets, SizeIs(1));
  EXPECT_THAT(connections, ElementsAre(connection));
  EXPECT_EQ(relate_packets(packets, connections, {&server, 1}, {&connection, 1}), 1U)
      << "the connection existed before";
}

TEST(Packets, HaveTheirFlagsInTcpdumpsOrder) {
  EXPECT_EQ(flag_letters(syn), "S");
  EXPECT_EQ(flag_letters(syn | ack), "S.");
  EXPECT_EQ(flag_letters(fin | psh | ack), "FP.");
  EXPECT_EQ(flag_letters(rst | ack), "R.");
  EXPECT_EQ(flag_letters(0), "none");
}

}  // namespace
}  // namespace connbench::trace
