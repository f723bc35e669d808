// One goroutine per attempt, and a net.Dialer with a Timeout in each: how the net package says to connect.
package main

import (
	"context"
	"net"
	"sync"

	"connbench.example/programs/protocol"
)

func main() {
	protocol.Run(map[string]any{
		"name":               "go-dialer",
		"summary":            "net.Dialer with Timeout, a goroutine per attempt",
		"libraries":          []any{},
		"families":           []string{"4", "6", "unix"},
		"threads":            "runtime",
		"uses_all_addresses": true,
		"close":              []string{"rst", "fin", "hold"},
		"steered_by":         []string{"GODEBUG", "GOMAXPROCS", "GOGC", "GOMEMLIMIT"},
	}, drive)
}

func drive(ctx context.Context, wave *protocol.Wave) {
	dialer := net.Dialer{Timeout: wave.Timeout(), Resolver: wave.Resolver()}
	room := make(chan struct{}, wave.InFlight)
	var pending sync.WaitGroup
	for i := 0; i < wave.Attempts && wave.AwaitDue(ctx, i); i++ {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			continue // and AwaitDue ends the loop
		}
		pending.Add(1)
		go func(i int) {
			defer pending.Done()
			network, target := wave.Dial(i)
			started := protocol.Now()
			connection, err := dialer.DialContext(ctx, network, target)
			wave.Ended(i, started, protocol.Now(), connection, err)
			<-room
		}(i)
	}
	pending.Wait()
}
