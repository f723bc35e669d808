// Package protocol speaks with connbench (docs/programs.md): it reads a wave, reports what became of its attempts, and
// has what every Go connector needs around its connects.
package protocol

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Address is one address of a host.
type Address struct {
	IP   string `json:"ip"`
	Port int    `json:"port"`
	Unix string `json:"unix"`
}

// Wave is what connbench wants to be connected.
type Wave struct {
	Hosts    [][]Address `json:"hosts"`
	Route    []int       `json:"route"`
	Attempts int         `json:"attempts"`
	InFlight int         `json:"in_flight"`
	TimeoutN int64       `json:"timeout_ns"`
	Schedule []int64     `json:"schedule_ns"`
	Close    string      `json:"close"`
	WarmUp   *Wave       `json:"warm_up"`

	origin  int64
	records []record
	held    sync.Map
}

type record struct {
	started, finished int64
	err               error
	begun             bool
}

// Timeout of each attempt.
func (w *Wave) Timeout() time.Duration { return time.Duration(w.TimeoutN) }

// AwaitDue sleeps until an attempt is due. It returns false if the wave is to end.
func (w *Wave) AwaitDue(ctx context.Context, attempt int) bool {
	if w.Schedule != nil {
		if wait := w.origin + w.Schedule[attempt] - Now(); wait > 0 {
			timer := time.NewTimer(time.Duration(wait))
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		}
	}
	return ctx.Err() == nil
}

// Ended records an attempt, and closes its connection as the wave wants it.
func (w *Wave) Ended(attempt int, started, finished int64, connection net.Conn, err error) {
	w.records[attempt] = record{started, finished, err, true}
	if connection == nil {
		return
	}
	switch w.Close {
	case "hold":
		w.held.Store(attempt, connection)
		return
	case "rst":
		if tcp, ok := connection.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
	}
	connection.Close()
}

// Run speaks the protocol. drive makes the attempts of a wave and returns when all have ended; if its context is
// cancelled, it gives up what is pending and begins nothing more.
func Run(description map[string]any, drive func(context.Context, *Wave)) {
	if len(os.Args) == 2 && os.Args[1] == "--describe" {
		description["protocol"], description["language"] = 1, "Go"
		description["version"] = strings.TrimPrefix(runtime.Version(), "go")
		json.NewEncoder(os.Stdout).Encode(description)
		return
	}
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	line, _ := lines.ReadBytes('\n')
	var wave Wave
	if err := json.Unmarshal(line, &wave); err != nil {
		fail("cannot read the wave: " + err.Error())
	}
	if wave.WarmUp != nil {
		wave.WarmUp.drive(context.Background(), 0, drive)
	}
	wave.records = make([]record, wave.Attempts)
	bound := relateClock()
	fmt.Printf("ready {\"clock_error_ns\": %d}\n", bound)

	var origin int64
	start, _ := lines.ReadString('\n')
	if _, err := fmt.Sscanf(start, "start %d", &origin); err != nil {
		fail("expected start, not: " + strings.TrimSpace(start))
	}
	ctx, cancel := context.WithCancel(context.Background())
	report := make(chan struct{})
	go listen(lines, cancel, report)
	wave.drive(ctx, origin, drive)
	fmt.Println("done")
	<-report
	wave.report()
}

func (w *Wave) drive(ctx context.Context, origin int64, drive func(context.Context, *Wave)) {
	w.origin = origin
	if w.records == nil {
		w.records = make([]record, w.Attempts)
	}
	drive(ctx, w)
	w.held.Range(func(_, connection any) bool {
		connection.(net.Conn).Close()
		return true
	})
}

// listen cancels the wave on "stop" or when stdin is closed, and asks for the report on "report" or then.
func listen(lines *bufio.Reader, stop func(), report chan struct{}) {
	for {
		line, err := lines.ReadString('\n')
		switch {
		case err != nil:
			stop()
			close(report)
			return
		case strings.TrimSpace(line) == "stop":
			stop()
		default:
			close(report)
			return
		}
	}
}

func (w *Wave) report() {
	out := bufio.NewWriterSize(os.Stdout, 1<<16)
	defer out.Flush()
	for i, r := range w.records {
		if !r.begun {
			fmt.Fprintln(out, i, "0 0 cancelled")
			continue
		}
		outcome, stage := Outcome(r.err)
		fmt.Fprintln(out, i, r.started, r.finished, outcome, stage)
	}
	fmt.Fprintln(out, "end")
}

func fail(reason string) {
	fmt.Fprintln(os.Stderr, reason)
	os.Exit(1)
}

// Outcome is an error of net.Dial in the protocol's words, and the stage if known: os.SyscallError names the call, but
// for the asynchronous part of connect() too it says "connect".
func Outcome(err error) (outcome, stage string) {
	var number syscall.Errno
	var call *os.SyscallError
	if errors.As(err, &call) && (call.Syscall == "socket" || call.Syscall == "setsockopt") {
		stage = map[string]string{"socket": "socket", "setsockopt": "option"}[call.Syscall]
	}
	var network net.Error
	switch {
	case err == nil:
		return "connected", ""
	case errors.As(err, &number):
		return errnoName(number), stage
	case errors.Is(err, context.Canceled) || strings.HasSuffix(err.Error(), "operation was canceled"):
		return "cancelled", ""
	case errors.As(err, &network) && network.Timeout():
		return "timeout", ""
	}
	return "other:" + strings.ReplaceAll(err.Error(), " ", "-"), stage
}

// The standard library has no names of errnos.
func errnoName(number syscall.Errno) string {
	names := map[syscall.Errno]string{
		syscall.EACCES: "EACCES", syscall.EADDRINUSE: "EADDRINUSE", syscall.EADDRNOTAVAIL: "EADDRNOTAVAIL",
		syscall.EAFNOSUPPORT: "EAFNOSUPPORT", syscall.EAGAIN: "EAGAIN", syscall.ECONNABORTED: "ECONNABORTED",
		syscall.ECONNREFUSED: "ECONNREFUSED", syscall.ECONNRESET: "ECONNRESET", syscall.EHOSTDOWN: "EHOSTDOWN",
		syscall.EHOSTUNREACH: "EHOSTUNREACH", syscall.EINTR: "EINTR", syscall.EINVAL: "EINVAL",
		syscall.EMFILE: "EMFILE", syscall.ENETUNREACH: "ENETUNREACH", syscall.ENFILE: "ENFILE",
		syscall.ENOBUFS: "ENOBUFS", syscall.ENOENT: "ENOENT", syscall.ENOMEM: "ENOMEM",
		syscall.ENOPROTOOPT: "ENOPROTOOPT", syscall.EPERM: "EPERM", syscall.EPROTO: "EPROTO",
		syscall.ETIMEDOUT: "ETIMEDOUT",
	}
	if name, known := names[number]; known {
		return name
	}
	return fmt.Sprintf("other:errno-%d", int(number))
}
