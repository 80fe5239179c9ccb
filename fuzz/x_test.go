package fuzz

import (
	"testing"

	"github.com/quiverdb/quiverdb-go/quiver/format"
)


func FuzzMeta(f *testing.F) {
	f.Add(format.Meta{PageSize: 4096, NextPageID: 3}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := format.DecodeMeta(b)
		if err == nil && m.PageSize == 0 {
			t.Fatal()
		}
	})
}
