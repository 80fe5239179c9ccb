package main

import (
	"context"
	"iter"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// A state is what can be read: a database as it is, or a snapshot.
type state interface {
	resource
	// get appends a value to dst.
	get(dst, key []byte) (value []byte, found bool, err error)
	has(key []byte) (bool, error)
	pairs(o quiver.ScanOptions) iter.Seq2[quiver.Item, error]
	lsn() uint64
}

type database struct {
	db     *quiver.DB
	alive  context.Context // ends with the handle, and its backups with it
	cancel context.CancelFunc
}

func (d *database) get(dst, key []byte) ([]byte, bool, error) { return d.db.AppendGet(dst, key) }

func (d *database) has(key []byte) (bool, error) { return d.db.Has(key) }

func (d *database) pairs(o quiver.ScanOptions) iter.Seq2[quiver.Item, error] { return d.db.Scan(o) }

func (d *database) lsn() uint64 { return d.db.LastLSN() }

func (d *database) end() error {
	d.cancel()
	return d.db.Close()
}

type snapshot struct{ s *quiver.Snapshot }

func (s *snapshot) get(dst, key []byte) ([]byte, bool, error) {
	value, found, err := s.s.Get(key)
	return append(dst, value...), found, err
}

func (s *snapshot) has(key []byte) (bool, error) { return s.s.Has(key) }

func (s *snapshot) pairs(o quiver.ScanOptions) iter.Seq2[quiver.Item, error] { return s.s.Scan(o) }

func (s *snapshot) lsn() uint64 { return s.s.LSN() }

func (s *snapshot) end() error { return s.s.Close() }

// count counts the keys that begin with prefix.
func count(s state, prefix []byte) (n uint64, err error) {
	for _, err := range s.pairs(quiver.ScanOptions{Prefix: prefix, KeysOnly: true, NoCopy: true}) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}
