package protocol

import (
	"syscall"
	"time"
	"unsafe"
)

// Go's monotonic clock is CLOCK_MONOTONIC, but the time package only reveals differences. So one reading of it is
// related to the kernel's clock, and all others are counted from there.
var base = time.Now()
var baseNs int64

// Now is CLOCK_MONOTONIC in ns, after relateClock.
func Now() int64 { return baseNs + int64(time.Since(base)) }

// relateClock reads the kernel's clock between two readings of Go's, keeps the closest pair of many, and returns the
// bound of the error in ns.
func relateClock() int64 {
	best := int64(1) << 62
	for i := 0; i < 1000; i++ {
		before := time.Since(base)
		kernel := monotonic()
		after := time.Since(base)
		if bracket := int64(after - before); bracket < best {
			best = bracket
			baseNs = kernel - int64(before+after)/2
		}
	}
	return (best + 1) / 2
}

func monotonic() int64 {
	const clockMonotonic = 1
	var now syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&now)), 0)
	return now.Nano()
}
