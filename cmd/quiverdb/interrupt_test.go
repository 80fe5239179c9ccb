package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

func (s *session) cancel() {
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	s.ctx = ctx
}

// silence is input that does not come.
type silence struct {
	read  chan struct{} // closed by the first Read
	ended chan struct{}
}

func (w *silence) Read([]byte) (int, error) {
	close(w.read)
	<-w.ended
	return 0, io.EOF
}

// A command that waits for input ends at the first signal.
func TestInterruptedWhileReading(t *testing.T) {
	for _, line := range []string{"put --path DB k -", "load --path DB", "del --path DB -"} {
		s := newDatabase(t)
		input := &silence{make(chan struct{}), make(chan struct{})}
		t.Cleanup(func() { close(input.ended) })
		s.stdin = input
		ctx, cancel := context.WithCancel(t.Context())
		s.ctx = ctx
		ended := make(chan outcome, 1)
		go func() { ended <- s.run(line) }()
		<-input.read
		cancel()
		select {
		case got := <-ended:
			assert.Equal(t, exitInterrupted, got.code, line)
		case <-time.After(10 * time.Second):
			t.Fatalf("%s goes on waiting", line)
		}
		s.ctx = t.Context()
		assert.Empty(t, s.must("scan --path DB"), "%s left something", line)
	}
}

func TestInterruptedScan(t *testing.T) {
	s := newDatabase(t)
	s.must("put --path DB k v")
	db, err := quiver.OpenReadOnly(s.path, &quiver.Options{})
	require.NoError(t, err)
	s.cancel()
	var out bytes.Buffer
	w := bufio.NewWriter(&out)
	err = writePairs(s.ctx, w, db, quiver.ScanOptions{}, form{write: writeHexPair})
	assert.ErrorIs(t, err, context.Canceled)
	require.NoError(t, db.Close())
}

// lock keeps the database locked until the test ends.
func lock(s *session) {
	held, err := vfs.OS().Lock(filepath.Join(s.path, "LOCK"), true)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { assert.NoError(s.t, held.Close()) })
}

func TestLockWaitIsTheOneAskedFor(t *testing.T) {
	s := newDatabase(t)
	lock(s)
	for _, wait := range []string{"0", "50ms"} {
		began := time.Now()
		got := s.run("get --path DB k --lock-wait " + wait)
		assert.Equal(t, exitLocked, got.code)
		assert.Less(t, time.Since(began), 3*time.Second, "the default is five")
	}
	began := time.Now()
	s.run("get --path DB k --lock-wait 300ms")
	assert.GreaterOrEqual(t, time.Since(began), 300*time.Millisecond)
}
