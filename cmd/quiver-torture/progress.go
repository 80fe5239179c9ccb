package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress shows on a terminal that a tier goes on, and how far it is. Elsewhere
// it shows nothing. Violations are told through it, so that the bar and they do not
// mix.
type progress struct {
	w        io.Writer
	what     string
	duration time.Duration
	started  time.Time

	mu         sync.Mutex // violations come from other goroutines
	bar        *progressbar.ProgressBar
	violations int
	done, all  int
	detail     string

	stop chan struct{}
	gone sync.WaitGroup
}

// progressEvery is how often the bar moves by itself.
const progressEvery = 200 * time.Millisecond

// unknownTotal makes a bar that only shows that something moves.
const unknownTotal = -1

func (a *app) newProgress(what string, duration time.Duration) *progress {
	p := &progress{w: a.stderr, what: what, duration: duration, started: time.Now(), stop: make(chan struct{})}
	if !a.terminal {
		return p
	}
	p.bar = progressbar.NewOptions64(unknownTotal, progressbar.OptionSetWriter(p.w), progressbar.OptionSetDescription(what),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetSpinnerChangeInterval(0)) // its own clock would draw into what found tells
	p.gone.Go(func() {
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-p.stop:
				return
			case <-tick.C:
				p.move()
			}
		}
	})
	return p
}

// so notes how far the tier is.
func (p *progress) so(done, all int, detail string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.all, p.detail = done, all, detail
}

// move draws the bar: by cases where their number is known, else, and once they
// are through, by the clock. Errors of the terminal are not errors of the run.
func (p *progress) move() {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := p.what
	if p.detail != "" {
		text += ": " + p.detail
	}
	if p.violations > 0 {
		text += fmt.Sprintf(", %d violations", p.violations)
	}
	p.bar.Describe(text)
	now, total := time.Since(p.started).Milliseconds(), p.duration.Milliseconds()
	if p.done < p.all {
		now, total = int64(p.done), int64(p.all)
	}
	if total == 0 {
		_ = p.bar.Add(1)
		return
	}
	// The bar ends where it is full, and the tier only later.
	p.bar.ChangeMax64(total + 1)
	_ = p.bar.Set64(min(now, total))
}

// found tells a violation at once, wherever standard error leads.
func (p *progress) found(story string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.violations++
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	fmt.Fprintln(p.w, story)
}

// end takes the bar away.
func (p *progress) end() {
	close(p.stop)
	p.gone.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
