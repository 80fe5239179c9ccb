package torture

import (
	"fmt"

	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// content reads the whole database by a scan, and every key of keys by Get and
// Has, which must agree.
func content(db *quiver.DB, keys []string) (model.State, error) {
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
	var buf []byte
	for _, k := range keys {
		v, found, err := db.AppendGet(buf[:0], []byte(k))
		if err != nil {
			return nil, fmt.Errorf("get %q: %w", k, err)
		}
		buf = v
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
