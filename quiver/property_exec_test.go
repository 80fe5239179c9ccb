package quiver_test

import (
	"fmt"

	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
)

// execute makes a call and tells what it told. What is handed over is
// overwritten afterwards, and so is what is handed out: neither side may keep
// the other's memory.
func execute(db *quiver.DB, o model.Op) (r model.Result, err error) {
	key := []byte(o.Key)
	defer scribble(key)
	switch o.Kind {
	case model.Put:
		value := []byte(o.Value)
		err = db.Put(key, value)
		scribble(value)
	case model.Delete:
		r.Found, err = db.Delete(key)
	case model.DeletePrefix:
		r.N, err = db.DeletePrefix(key)
	case model.Append:
		err = db.Update(key, func(old []byte, found bool) ([]byte, error) {
			r.Value, r.Found = string(old), found
			return append(append([]byte{}, old...), o.Value...), nil
		})
	case model.Batch:
		err = db.Write(batchOf(o))
	case model.Get:
		var value []byte
		value, r.Found, err = db.Get(key)
		if err == nil && r.Found == (value == nil) {
			err = fmt.Errorf("Get of %q: found %t with a value of %#v", o.Key, r.Found, value)
		}
		r.Value = string(value)
		scribble(value)
	case model.Has:
		r.Found, err = db.Has(key)
	case model.Scan:
		r.Pairs, err = scanAll(db, quiver.ScanOptions{Prefix: key})
	}
	if err != nil {
		return model.Result{Unknown: true}, err
	}
	return r, nil
}

func batchOf(o model.Op) *quiver.Batch {
	b := &quiver.Batch{}
	for _, c := range o.Changes {
		key, value := []byte(c.Key), []byte(c.Value)
		if c.Delete {
			b.Delete(key)
		} else {
			b.Put(key, value)
		}
		scribble(key)
		scribble(value)
	}
	return b
}

// scanAll collects a scan; a key that comes twice is an error.
func scanAll(db *quiver.DB, o quiver.ScanOptions) (model.State, error) {
	s := model.State{}
	for item, err := range db.Scan(o) {
		if err != nil {
			return nil, err
		}
		if _, twice := s[string(item.Key)]; twice {
			return nil, fmt.Errorf("scan gives the key %q twice", item.Key)
		}
		s[string(item.Key)] = string(item.Value)
		scribble(item.Key)
		scribble(item.Value)
	}
	return s, nil
}

func scribble(b []byte) {
	for i := range b {
		b[i] = 0xEE
	}
}
