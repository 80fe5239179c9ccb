package main

import (
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// unknownTotal makes a bar that only counts.
const unknownTotal = -1

// barDelay: what is done sooner shows no bar.
const barDelay = 300 * time.Millisecond

// bar shows progress on a terminal and does nothing elsewhere.
type bar struct {
	w     io.Writer // nil: show nothing
	from  time.Time // nothing is shown before
	what  string
	total int64
	bytes bool
	now   string // phase that is shown

	mu      sync.Mutex // progress is told from other goroutines too
	counted int64
	shown   *progressbar.ProgressBar
}

func (a *app) newBar(what string, total int64) *bar {
	b := &bar{what: what, total: total, from: time.Now().Add(a.barDelay)}
	if a.isTerminal(a.stderr) && a.env("TERM") != "dumb" {
		b.w = a.stderr
	}
	return b
}

// newByteBar is a bar whose unit is the byte.
func (a *app) newByteBar(what string, total int64) *bar {
	b := a.newBar(what, total)
	b.bytes = true
	return b
}

// bar is nil as long as nothing is shown; mu is held.
func (b *bar) bar() *progressbar.ProgressBar {
	if b.shown == nil && !time.Now().Before(b.from) {
		b.shown = progressbar.NewOptions64(b.total,
			progressbar.OptionSetWriter(b.w),
			progressbar.OptionSetDescription(b.what),
			progressbar.OptionShowBytes(b.bytes),
			progressbar.OptionShowTotalBytes(true),
			progressbar.OptionUseIECUnits(true),
			progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionThrottle(100*time.Millisecond),
		)
	}
	return b.shown
}

// add tells n more. Errors of the terminal are not errors of the command.
func (b *bar) add(n int) {
	if b.w == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.counted += int64(n)
	if shown := b.bar(); shown != nil {
		_ = shown.Set64(b.counted)
	}
}

// phase shows the progress of the engine: each phase has a bar of its own, with
// what is done of the total, the rate of bytes, and the time left.
func (b *bar) phase(p quiver.Progress) {
	if b.w == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.Phase != b.now {
		b.clear()
		b.now, b.what, b.total = p.Phase, p.Phase, unknownTotal
		b.bytes = p.Phase == "backup" || p.Phase == "restore" // the others count other things
		if p.Total > 0 {
			b.total = p.Total
		}
	}
	if shown := b.bar(); shown != nil {
		_ = shown.Set64(p.Done)
	}
}

// clear takes what is shown away; mu is held.
func (b *bar) clear() {
	if b.shown != nil {
		_ = b.shown.Clear()
		b.shown = nil
	}
}

// done takes the bar away.
func (b *bar) done() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clear()
}
