package quiver_test

import (
	"context"
	"fmt"
	"maps"
)

// goOn uses a damaged database as if nothing were wrong: what could be read
// stays readable and right, through writes, a close and another open.
func (j *judge) goOn(readable pairs) error {
	want := maps.Clone(readable)
	// Half of the cases look for free pages first, so that what is written
	// reuses them; a quarter writes nothing before the close.
	if j.n%2 == 0 {
		if _, err := j.db.Recount(context.Background(), nil); err != nil {
			if err := j.typed(err); err != nil {
				return fmt.Errorf("recount: %w", err)
			}
			if j.refusing == 0 {
				return fmt.Errorf("recount refuses and no key does: %w", err)
			}
		}
	}
	if j.n%4 < 3 {
		if err := j.write(want); err != nil {
			_ = j.db.Close()
			return err
		}
	}
	if err := j.stillThere(want); err != nil {
		_ = j.db.Close()
		return fmt.Errorf("after writes: %w", err)
	}
	if err := j.db.Close(); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	if err := j.open(false); err != nil {
		return fmt.Errorf("open again: %w", err)
	}
	if err := j.stillThere(want); err != nil {
		_ = j.db.Close()
		return fmt.Errorf("opened again: %w", err)
	}
	return j.db.Close()
}

// write makes changes in both buckets, enough of them to take new pages. What
// answers with a typed error has not happened.
func (j *judge) write(want pairs) error {
	try := func(err error, happened func()) error {
		if err == nil {
			happened()
			return nil
		}
		return j.typed(err)
	}
	puts := map[string]string{"key 00": blob("over", 400), "long": blob("over", 14000)}
	for i := range 4 {
		key := fmt.Sprintf("written on %d", i)
		puts[key] = blob(key, 800)
	}
	for _, k := range pairs(puts).sortedKeys() {
		err := j.db.Put([]byte(k), []byte(puts[k]))
		if err := try(err, func() { want[k] = puts[k] }); err != nil {
			return fmt.Errorf("put %q: %w", k, err)
		}
	}
	for _, k := range []string{"key 04", "key 06", "never there"} {
		had, err := j.db.Delete([]byte(k))
		if _, readable := want[k]; err == nil && had != readable {
			return fmt.Errorf("delete %q: existed %v, want %v", k, had, readable)
		}
		if err := try(err, func() { delete(want, k) }); err != nil {
			return fmt.Errorf("delete %q: %w", k, err)
		}
	}
	if err := j.db.Writable(); err != nil {
		return fmt.Errorf("not writable any more: %w", err)
	}
	return nil
}

// stillThere wants the pairs that could be read, and nothing in the place of
// those that could not.
func (j *judge) stillThere(want pairs) error {
	for k, v := range want {
		got, found, err := j.db.Get([]byte(k))
		if err != nil || !found || string(got) != v {
			return fmt.Errorf("key %q: %d bytes, found %v, error %v, want %d bytes", k, len(got), found, err, len(v))
		}
	}
	got, err := contents(j.db)
	if err != nil {
		return j.typed(err)
	}
	if d := want.diff(got); d != "" {
		return fmt.Errorf("scan: %s", d)
	}
	return nil
}

// salvage opens what was refused. It may lose, but gives no value that a key
// never had.
func (j *judge) salvage() error {
	if err := j.open(true); err != nil {
		if err := j.typed(err); err != nil {
			return fmt.Errorf("salvage: %w", err)
		}
		return nil
	}
	got, _, err := j.readAll()
	if e := j.db.Close(); err == nil && e != nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("salvage: %w", err)
	}
	for k, v := range got {
		if !j.s.history[k][v] {
			return fmt.Errorf("salvage: key %q has a value that it never had", k)
		}
	}
	return nil
}
