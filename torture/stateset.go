package torture

import (
	"sync"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// stateSet counts how many different disks a run has judged, over all its
// workloads. The same disk under other options counts again: the engine does
// something else with it. For any number of goroutines.
type stateSet struct {
	shards [64]stateShard
}

// stateShard is a table of open addressing with the keys alone: campaigns meet
// hundreds of millions of disks. 0 stands for an empty place.
type stateShard struct {
	mu   sync.Mutex
	keys []uint64
	n    int
}

// add enters a disk, seen by options that salt tells from others.
func (s *stateSet) add(d faultfs.Digest, salt uint64) {
	if s == nil {
		return
	}
	key := (uint64(d) ^ salt) * 0x9E3779B97F4A7C15
	key ^= key >> 29
	if key == 0 {
		key = 1
	}
	shard := &s.shards[key>>58]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	shard.add(key)
}

func (s *stateShard) add(key uint64) {
	if 4*(s.n+1) > 3*len(s.keys) {
		s.grow()
	}
	if s.place(key) {
		s.n++
	}
}

func (s *stateShard) grow() {
	old := s.keys
	s.keys = make([]uint64, max(256, 2*len(old)))
	for _, k := range old {
		if k != 0 {
			s.place(k)
		}
	}
}

// place tells whether the key was not there.
func (s *stateShard) place(key uint64) bool {
	mask := uint64(len(s.keys) - 1)
	for i := key & mask; ; i = (i + 1) & mask {
		switch s.keys[i] {
		case 0:
			s.keys[i] = key
			return true
		case key:
			return false
		}
	}
}

func (s *stateSet) len() int {
	if s == nil {
		return 0
	}
	n := 0
	for i := range s.shards {
		s.shards[i].mu.Lock()
		n += s.shards[i].n
		s.shards[i].mu.Unlock()
	}
	return n
}
