package quiver

import (
	"github.com/quiverdb/quiverdb-go/quiver/internal/bucket"
)

// MaxKeyLen is the length of the longest key: the page size less 90 bytes.
func (db *DB) MaxKeyLen() int { return db.store.MaxKeyLen() }

// MaxValueLen is the length of the longest value, in bytes: about
// Options.MaxBatchBytes.
func (db *DB) MaxValueLen() int64 { return db.store.MaxValueLen() }

// Put stores a value under a key. When it has returned nil the change survives
// a crash and a power loss. Concurrent writes share their sync. Any bytes are a
// key or value, the empty ones too.
func (db *DB) Put(key, value []byte) error {
	_, err := db.store.Apply([]bucket.Op{{Key: key, Value: value}}, true)
	return err
}

// Get returns the value of a key; found is false and the value nil if there is
// none. The value belongs to the caller; that of an empty one is not nil. Only
// durable changes are seen (and batches without a sync of this handle). It never
// waits for a sync.
func (db *DB) Get(key []byte) (value []byte, found bool, err error) {
	return db.AppendGet(nil, key)
}

// AppendGet is Get that appends the value to dst and so need not allocate.
func (db *DB) AppendGet(dst, key []byte) (value []byte, found bool, err error) {
	if err := db.open(); err != nil {
		return dst, false, err
	}
	return db.store.Get(dst, key)
}

// Has reports whether a key is there.
func (db *DB) Has(key []byte) (bool, error) {
	if err := db.open(); err != nil {
		return false, err
	}
	return db.store.Has(key)
}

// Delete removes a key and reports whether it was there; durable as Put.
func (db *DB) Delete(key []byte) (existed bool, err error) {
	n, err := db.store.Apply([]bucket.Op{{Key: key, Delete: true}}, true)
	return n > 0, err
}

// Update replaces the value of a key by what fn makes of it, atomically: no
// other write comes between. old is nil and found false if there is no such key.
// Returning nil deletes the key; an error aborts and is returned. fn is called
// once; all writes wait while it runs, and it must not use the handle.
func (db *DB) Update(key []byte, fn func(old []byte, found bool) (new []byte, err error)) error {
	return db.store.Update(key, fn)
}

// DeletePrefix deletes every key that begins with prefix, as one atomic
// operation, and returns their number. An empty prefix means all keys. It reads
// every bucket. ErrTooLarge if the pages to be changed exceed
// Options.MaxBatchBytes.
func (db *DB) DeletePrefix(prefix []byte) (deleted int, err error) {
	return db.store.DeletePrefix(prefix)
}

// Batch is a list of changes that Write makes one atomic operation. The zero
// value is an empty batch. Not for concurrent use.
type Batch struct {
	ops   []bucket.Op
	bytes int
}

// Put adds a put; key and value are copied.
func (b *Batch) Put(key, value []byte) { b.add(key, value, false) }

// Delete adds a delete; the key is copied.
func (b *Batch) Delete(key []byte) { b.add(key, nil, true) }

func (b *Batch) add(key, value []byte, del bool) {
	data := make([]byte, len(key)+len(value))
	copy(data, key)
	copy(data[len(key):], value)
	b.ops = append(b.ops, bucket.Op{Key: data[:len(key):len(key)], Value: data[len(key):], Delete: del})
	b.bytes += len(data)
}

// Len is the number of changes.
func (b *Batch) Len() int { return len(b.ops) }

// Bytes is the size of all keys and values.
func (b *Batch) Bytes() int { return b.bytes }

// Reset empties the batch for reuse.
func (b *Batch) Reset() {
	clear(b.ops)
	b.ops, b.bytes = b.ops[:0], 0
}

// Write makes the changes of a batch, in their order, as one atomic operation:
// whatever happens, all of them are there or none. When it has returned nil
// they are durable. ErrTooLarge if the pages to be changed exceed
// Options.MaxBatchBytes.
func (db *DB) Write(b *Batch) error { return db.write(b, true) }

// WriteNoSync is Write without a sync of its own: the changes are visible to
// this handle when it returns, and durable after the next Sync or any other write
// that syncs. A crash before that loses a suffix of such batches, each as a whole.
func (db *DB) WriteNoSync(b *Batch) error { return db.write(b, false) }

func (db *DB) write(b *Batch, sync bool) error {
	if b.Len() == 0 {
		return db.Writable()
	}
	_, err := db.store.Apply(b.ops, sync)
	return err
}

// Writable reports why writes fail: nil, ErrReadOnly, ErrClosed or ErrPoisoned.
func (db *DB) Writable() error { return db.pg.Writable() }
