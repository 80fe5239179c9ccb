package torture

import (
	"fmt"
	"iter"

	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// reader is what a database and a snapshot have in common.
type reader interface {
	Scan(o quiver.ScanOptions) iter.Seq2[quiver.Item, error]
	Get(key []byte) (value []byte, found bool, err error)
	Has(key []byte) (bool, error)
}

// content reads the whole database by a scan, and every key of keys by Get and
// Has, which must agree.
func content(db reader, keys []string) (model.State, error) {
	got := model.State{}
	for item, err := range db.Scan(quiver.ScanOptions{}) {
		if err != nil {
			return nil, fmt.Errorf("scan: %w", err)
		}
		k := string(item.Key)
		if _, twice := got[k]; twice {
			return nil, fmt.Errorf("scan gives key %q twice", k)
		}
		got[k] = string(item.Value)
	}
	get := func(k string) ([]byte, bool, error) { return db.Get([]byte(k)) }
	if a, ok := db.(*quiver.DB); ok {
		var buf []byte
		get = func(k string) (v []byte, found bool, err error) {
			v, found, err = a.AppendGet(buf[:0], []byte(k))
			buf = v
			return v, found, err
		}
	}
	for _, k := range keys {
		v, found, err := get(k)
		if err != nil {
			return nil, fmt.Errorf("get %q: %w", k, err)
		}
		want, ok := got[k]
		if found != ok || found && string(v) != want {
			return nil, fmt.Errorf("get %q: found %v with %d bytes; the scan: %v with %d bytes", k, found, len(v), ok, len(want))
		}
		has, err := db.Has([]byte(k))
		if err != nil {
			return nil, fmt.Errorf("has %q: %w", k, err)
		}
		if has != found {
			return nil, fmt.Errorf("has %q: %v, get: %v", k, has, found)
		}
	}
	return got, nil
}
