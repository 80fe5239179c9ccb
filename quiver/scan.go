package quiver

import (
	"bytes"
	"iter"
	"slices"

	"github.com/quiverdb/quiverdb-go/quiver/internal/bucket"
)

// Item is a pair. Key and Value belong to the receiver, unless NoCopy was asked
// for; those of one page share one piece of memory.
type Item struct{ Key, Value []byte }

// ScanOptions choose what a scan gives.
type ScanOptions struct {
	// Prefix that keys begin with. Empty means all. Keys are spread by their hash, so
	// a scan by prefix reads the whole database too.
	Prefix []byte
	// Sorted gives the pairs in the order of their keys. It holds all of them in
	// memory; the order is otherwise arbitrary.
	Sorted bool
	// KeysOnly leaves the values nil and does not read long ones.
	KeysOnly bool
	// NoCopy saves the copy: keys and values may share memory with the database
	// and must not be modified. They stay valid and unchanged as long as they
	// are referenced, and keep their whole page in memory that long.
	NoCopy bool
	// Limit ends the scan after so many pairs; 0 means no limit.
	Limit int
}

// Scan visits all pairs of one moment, that of its beginning, whatever is
// written meanwhile. An error is the last thing that it yields:
//
//	for item, err := range db.Scan(quiver.ScanOptions{}) {
//		if err != nil {
//			return err
//		}
//		…
//	}
func (db *DB) Scan(o ScanOptions) iter.Seq2[Item, error] {
	return scanning(o, db.open, db.store.Scan)
}

// scanner visits the pairs of a state until visit returns false.
type scanner func(o bucket.ScanOptions, visit func(bucket.Pair) bool) error

func scanning(o ScanOptions, usable func() error, scan scanner) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		if err := usable(); err != nil {
			yield(Item{}, err)
			return
		}
		if o.Sorted {
			scanSorted(o, scan, yield)
			return
		}
		left, stopped := o.Limit, false
		err := scan(o.inner(), func(p bucket.Pair) bool {
			stopped = !yield(Item(p), nil)
			left--
			return !stopped && left != 0
		})
		if err != nil && !stopped {
			yield(Item{}, err)
		}
	}
}

func (o ScanOptions) inner() bucket.ScanOptions {
	return bucket.ScanOptions{Prefix: o.Prefix, KeysOnly: o.KeysOnly, NoCopy: o.NoCopy}
}

func scanSorted(o ScanOptions, scan scanner, yield func(Item, error) bool) {
	var items []Item
	err := scan(o.inner(), func(p bucket.Pair) bool {
		items = append(items, Item(p))
		return true
	})
	if err != nil {
		yield(Item{}, err)
		return
	}
	slices.SortFunc(items, func(a, b Item) int { return bytes.Compare(a.Key, b.Key) })
	if o.Limit > 0 && len(items) > o.Limit {
		items = items[:o.Limit]
	}
	for _, item := range items {
		if !yield(item, nil) {
			return
		}
	}
}

func (db *DB) collect(o ScanOptions) (items []Item, err error) {
	for item, err := range db.Scan(o) {
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

// ScanAll returns all pairs of one moment, in no order.
func (db *DB) ScanAll() ([]Item, error) { return db.collect(ScanOptions{}) }

// ScanPrefix returns all pairs of one moment whose keys begin with prefix, in no
// order.
func (db *DB) ScanPrefix(prefix []byte) ([]Item, error) {
	return db.collect(ScanOptions{Prefix: prefix})
}
