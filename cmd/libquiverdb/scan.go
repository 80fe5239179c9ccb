package main

import (
	"iter"
	"sync"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// chunkBytes is how much is packed before it is handed over.
const chunkBytes = 128 << 10

// A scan packs pairs in a goroutine of its own and hands them over in chunks.
// iter.Pull would not do: calls come from any thread of C, and a coroutine may
// not go on in a goroutine that is locked to another thread than the one it was
// begun in. At most a chunk is packed ahead, one being filled beside it.
type scan struct {
	chunks chan chunk  // closed at the end
	spare  chan []byte // chunks that were emptied
	stop   chan struct{}
	// begun is closed once the state that is scanned is fixed.
	begun chan struct{}

	mu   sync.Mutex // one reader at a time; guards what follows
	data []byte     // a chunk
	rest []byte     // what of it was not given yet
	err  error
}

type chunk struct {
	data []byte
	err  error
}

// newScan begins a scan of pairs and returns when the first one was found, or
// the end.
func newScan(pairs iter.Seq2[quiver.Item, error]) *scan {
	s := &scan{
		chunks: make(chan chunk, 1),
		spare:  make(chan []byte, 2),
		stop:   make(chan struct{}),
		begun:  make(chan struct{}),
	}
	go s.produce(pairs)
	<-s.begun
	return s
}

// produce ends soon after stop: it looks at it whenever it hands a chunk over.
func (s *scan) produce(pairs iter.Seq2[quiver.Item, error]) {
	begin := sync.OnceFunc(func() { close(s.begun) })
	defer func() {
		if p := recover(); p != nil {
			s.hand(chunk{err: newPanicError(p)})
		}
		close(s.chunks)
		begin()
	}()
	buf := make([]byte, 0, chunkBytes)
	for item, err := range pairs {
		begin()
		if err == nil {
			buf, err = appendRecord(buf, item)
		}
		if err != nil {
			s.hand(chunk{data: buf, err: err})
			return
		}
		if len(buf) < chunkBytes {
			continue
		}
		if !s.hand(chunk{data: buf}) {
			return
		}
		buf = s.buffer()
	}
	s.hand(chunk{data: buf})
}

func (s *scan) hand(c chunk) bool {
	select {
	case s.chunks <- c:
		return true
	case <-s.stop:
		return false
	}
}

func (s *scan) buffer() []byte {
	select {
	case b := <-s.spare:
		return b[:0]
	default:
		return make([]byte, 0, chunkBytes)
	}
}

// recycle keeps an emptied chunk, unless one long value made it a big one.
func (s *scan) recycle(b []byte) {
	if cap(b) == 0 || cap(b) > 2*chunkBytes {
		return
	}
	select {
	case s.spare <- b:
	default:
	}
}

// next fills dst with whole records. No record and no error is the end; a
// needed above 0 is the length of the next record, which does not fit.
func (s *scan) next(dst []byte) (used, count, needed int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	more := true
	for more && len(s.rest) == 0 && s.err == nil {
		more = s.receive()
	}
	// Asked last: what was packed after stop may be of a snapshot that was gone,
	// and the end may be that of a producer that was told to stop.
	if s.stopped() {
		return 0, 0, 0, errStale
	}
	if len(s.rest) == 0 {
		return 0, 0, 0, s.err
	}
	for used < len(s.rest) {
		n := recordLen(s.rest[used:])
		if n > len(dst)-used {
			break
		}
		used += n
		count++
	}
	if count == 0 {
		return 0, 0, recordLen(s.rest), nil
	}
	copy(dst, s.rest[:used])
	s.rest = s.rest[used:]
	return used, count, 0, nil
}

// receive waits for a chunk; false means that there is none any more.
func (s *scan) receive() (more bool) {
	s.recycle(s.data)
	s.data = nil
	select {
	case c, ok := <-s.chunks:
		s.data, s.rest, s.err = c.data, c.data, c.err
		return ok
	case <-s.stop:
		return false
	}
}

func (s *scan) stopped() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

func (s *scan) end() error {
	close(s.stop)
	return nil
}
