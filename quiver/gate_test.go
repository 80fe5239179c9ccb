package quiver_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// gateFS asks before each read and close of a file; an error is the answer of
// the call.
type gateFS struct {
	vfs.FS
	ask atomic.Pointer[func(op, path string) error]
}

type gateFile struct {
	vfs.File
	fs   *gateFS
	path string
}

func (g *gateFS) OpenFile(path string, flag vfs.OpenFlag) (vfs.File, error) {
	f, err := g.FS.OpenFile(path, flag)
	if err == nil {
		f = gateFile{f, g, path}
	}
	return f, err
}

func (g *gateFS) asked(op, path string) error {
	if ask := g.ask.Load(); ask != nil {
		return (*ask)(op, path)
	}
	return nil
}

func (f gateFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.fs.asked("read", f.path); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f gateFile) Close() error {
	err := f.File.Close()
	if e := f.fs.asked("close", f.path); err == nil {
		err = e
	}
	return err
}

// standstill is a call that stands still in its first read of a file.
type standstill struct {
	t    *testing.T
	in   chan struct{}
	goOn chan struct{}
	done chan error
}

// standIn runs a call and returns when it reads the file with this path.
func (g *gateFS) standIn(t *testing.T, file string, call func() error) *standstill {
	t.Helper()
	s := &standstill{t: t, in: make(chan struct{}), goOn: make(chan struct{}), done: make(chan error, 1)}
	var once sync.Once
	g.ask.Store(new(func(op, path string) error {
		if op == "read" && path == file {
			once.Do(func() {
				close(s.in)
				<-s.goOn
			})
		}
		return nil
	}))
	go func() { s.done <- call() }()
	select {
	case <-s.in:
	case err := <-s.done:
		t.Fatalf("the call did not read %s: %v", file, err)
	}
	return s
}

// mustNotWait wants a call to come to its end while the other stands still.
func (s *standstill) mustNotWait(what string, call func() error) {
	s.t.Helper()
	done := make(chan error, 1)
	go func() { done <- call() }()
	select {
	case err := <-done:
		must(s.t, err)
	case <-time.After(10 * time.Second):
		s.t.Errorf("%s waits", what)
		close(s.goOn)
		must(s.t, <-done)
		must(s.t, <-s.done)
		s.t.FailNow()
	}
}

// end lets the call go on to its end.
func (s *standstill) end() {
	s.t.Helper()
	close(s.goOn)
	must(s.t, <-s.done)
}
