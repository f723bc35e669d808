package protocol

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// A net.Dialer tries several addresses only for a name. So a host with several addresses gets a name, and the dialer a
// resolver that asks no server, but answers from the wave.

// Dial names what a net.Dialer is to connect an attempt to: an address, or the name of a host with several.
func (w *Wave) Dial(attempt int) (network, target string) {
	index := attempt % len(w.Hosts)
	if w.Route != nil {
		index = w.Route[attempt]
	}
	addresses := w.Hosts[index]
	first := addresses[0]
	switch {
	case first.Unix != "":
		return "unix", first.Unix
	case len(addresses) == 1:
		return "tcp", net.JoinHostPort(first.IP, strconv.Itoa(first.Port))
	}
	return "tcp", fmt.Sprintf("host-%d.invalid.:%d", index, first.Port)
}

// Resolver knows the names that Dial gives to hosts.
func (w *Wave) Resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return &nameServer{wave: w}, nil
	}}
}

// nameServer is a connection to a server of DNS: what is written is a query, what is read its answer. Both are preceded
// by their length, as in DNS over TCP.
type nameServer struct {
	wave   *Wave
	answer bytes.Reader
}

func (s *nameServer) Write(query []byte) (int, error) {
	const headerLength, typeA, typeAAAA = 12, 1, 28
	message := query[2:]
	name := message[headerLength+1:] // after the length of the first label
	var index int
	if _, err := fmt.Sscanf(string(name), "host-%d", &index); err != nil || index >= len(s.wave.Hosts) {
		return 0, io.ErrUnexpectedEOF
	}
	questionEnd := headerLength + bytes.IndexByte(message[headerLength:], 0) + 1 + 4
	wanted := binary.BigEndian.Uint16(message[questionEnd-4:])
	var answers []byte
	count := 0
	for _, address := range s.wave.Hosts[index] {
		ip, kind := net.ParseIP(address.IP).To4(), uint16(typeA)
		if ip == nil {
			ip, kind = net.ParseIP(address.IP), typeAAAA
		}
		if kind != wanted {
			continue
		}
		count++
		answers = append(answers, 0xc0, headerLength) // the name is that of the question
		answers = binary.BigEndian.AppendUint16(answers, kind)
		answers = append(answers, 0, 1, 0, 0, 0, 60, 0, byte(len(ip))) // IN, 60 s
		answers = append(answers, ip...)
	}
	reply := append([]byte{}, message[:2]...) // the query's id
	reply = append(reply, 0x81, 0x80, 0, 1, 0, byte(count), 0, 0, 0, 0)
	reply = append(append(reply, message[headerLength:questionEnd]...), answers...)
	s.answer.Reset(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
	return len(query), nil
}

func (s *nameServer) Read(into []byte) (int, error)    { return s.answer.Read(into) }
func (s *nameServer) Close() error                     { return nil }
func (s *nameServer) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *nameServer) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (s *nameServer) SetDeadline(time.Time) error      { return nil }
func (s *nameServer) SetReadDeadline(time.Time) error  { return nil }
func (s *nameServer) SetWriteDeadline(time.Time) error { return nil }
