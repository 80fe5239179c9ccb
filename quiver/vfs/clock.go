package vfs

import (
	"os"
	"time"
)

// Clock is the only source of time.
type Clock interface {
	Now() time.Time
	// Sleep returns after d, at once when d is not positive.
	Sleep(d time.Duration)
}

// SystemClock is the time of the running system.
func SystemClock() Clock { return systemClock{} }

type systemClock struct{}

func (systemClock) Now() time.Time        { return time.Now() }
func (systemClock) Sleep(d time.Duration) { time.Sleep(d) }

// LookupEnv is the only source of environment variables. It tells an absent
// variable from an empty one.
func LookupEnv(name string) (string, bool) { return os.LookupEnv(name) }
