package main

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// pairsOf yields n pairs with values of valueLen bytes, and then err if it is
// not nil. ended is closed when nobody runs it any more.
func pairsOf(n, valueLen int, err error) (pairs iter.Seq2[quiver.Item, error], ended chan struct{}) {
	ended = make(chan struct{})
	return func(yield func(quiver.Item, error) bool) {
		defer close(ended)
		for i := range n {
			item := quiver.Item{Key: fmt.Appendf(nil, "%06d", i), Value: bytes.Repeat([]byte{byte(i)}, valueLen)}
			if !yield(item, nil) {
				return
			}
		}
		if err != nil {
			yield(quiver.Item{}, err)
		}
	}, ended
}

// drain reads a scan through room bytes at a time and gives the keys in order.
func drain(t *testing.T, s *scan, room int) (keys []string, err error) {
	t.Helper()
	buf := make([]byte, room)
	for {
		used, count, needed, err := s.next(buf)
		if err != nil {
			return keys, err
		}
		if needed > 0 {
			require.Greater(t, needed, len(buf))
			buf = make([]byte, needed)
			continue
		}
		if count == 0 {
			return keys, nil
		}
		rest := buf[:used]
		for range count {
			keys = append(keys, string(rest[recordHeader:recordHeader+6]))
			rest = rest[recordLen(rest):]
		}
		require.Empty(t, rest)
	}
}

func TestScanGivesAll(t *testing.T) {
	for _, c := range []struct{ pairs, valueLen, room int }{
		{0, 0, 64},
		{1, 0, 14},
		{1000, 100, 114},         // a record a call
		{20000, 50, 1 << 20},     // many chunks
		{50, 3 * chunkBytes, 10}, // longer than a chunk, and than the room
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			defer goleak.VerifyNone(t)
			pairs, _ := pairsOf(c.pairs, c.valueLen, nil)
			s := newScan(pairs)
			keys, err := drain(t, s, c.room)
			require.NoError(t, err)
			require.Len(t, keys, c.pairs)
			for i, k := range keys {
				require.Equal(t, fmt.Sprintf("%06d", i), k)
			}
			_, count, needed, err := s.next(make([]byte, 100))
			assert.NoError(t, err)
			assert.Zero(t, count+needed)
		})
	}
}

func TestScanTellsAnErrorAfterWhatCameBefore(t *testing.T) {
	defer goleak.VerifyNone(t)
	broken := errors.New("broken")
	pairs, _ := pairsOf(3000, 100, broken)
	s := newScan(pairs)
	keys, err := drain(t, s, 1<<16)
	require.ErrorIs(t, err, broken)
	assert.Len(t, keys, 3000)
	_, _, _, err = s.next(make([]byte, 100))
	assert.ErrorIs(t, err, broken, "it is told again")
}

func TestScanCatchesPanics(t *testing.T) {
	defer goleak.VerifyNone(t)
	for _, before := range []int{0, 5} {
		s := newScan(func(yield func(quiver.Item, error) bool) {
			for range before {
				yield(quiver.Item{Key: []byte("k")}, nil)
			}
			panic("a mistake")
		})
		_, err := drain(t, s, 100)
		caught := (*panicError)(nil)
		require.ErrorAs(t, err, &caught)
		assert.Contains(t, err.Error(), "a mistake")
	}
}

// TestScanThatIsGivenUp: its goroutine ends, wherever it was, and what is still
// at hand is not given out any more.
func TestScanThatIsGivenUp(t *testing.T) {
	for _, calls := range []int{0, 1, 5} {
		defer goleak.VerifyNone(t)
		pairs, ended := pairsOf(100000, 100, nil)
		s := newScan(pairs)
		buf := make([]byte, 1000)
		for range calls {
			_, count, _, err := s.next(buf)
			require.NoError(t, err)
			require.Positive(t, count)
		}
		require.NoError(t, s.end())
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Fatal("the goroutine of the scan goes on")
		}
		_, _, _, err := s.next(buf)
		assert.ErrorIs(t, err, errStale)
	}
}

// TestScanBeginsAtOnce: the state is fixed when newScan has returned.
func TestScanBeginsAtOnce(t *testing.T) {
	defer goleak.VerifyNone(t)
	began := false
	s := newScan(func(yield func(quiver.Item, error) bool) {
		began = true
		yield(quiver.Item{}, nil)
	})
	assert.True(t, began)
	require.NoError(t, s.end())
}
