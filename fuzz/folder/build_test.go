package folder

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/quiverdb/quiverdb-go/fuzz/disk"
	"github.com/quiverdb/quiverdb-go/quiver"
	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// author writes a scene with the engine and keeps its State.
type author struct {
	t    *testing.T
	disk *disk.Disk
	o    quiver.Options
	db   *quiver.DB
	State
}

func newAuthor(t *testing.T, init quiver.InitOptions, o quiver.Options) *author {
	t.Helper()
	a := &author{t: t, disk: disk.New(diskBytes), o: o,
		State: State{Now: map[string][]byte{}, Ever: map[string][][]byte{}}}
	init.FS, a.o.FS = a.disk, a.disk
	a.o.Inline, a.o.LockWait, a.o.ReservePages = true, -1, 4
	a.must(quiver.Init(root, init))
	a.open()
	return a
}

func (a *author) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a *author) open() {
	a.t.Helper()
	var err error
	a.db, err = quiver.Open(root, &a.o)
	a.must(err)
}

// text is n bytes that name the key and the version that they belong to.
func text(key string, version, n int) []byte {
	one := fmt.Sprintf("%s/%d/%d ", key, version, n)
	return []byte(strings.Repeat(one, n/len(one)+1)[:n])
}

// put is a commit of its own.
func (a *author) put(key string, value []byte) {
	a.t.Helper()
	a.group(map[string][]byte{key: value})
}

// group is a commit of several changes; nil deletes.
func (a *author) group(changes map[string][]byte) {
	a.t.Helper()
	a.Before = maps.Clone(a.Now)
	var b quiver.Batch
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		value := changes[key]
		if value == nil {
			b.Delete([]byte(key))
			delete(a.Now, key)
			continue
		}
		b.Put([]byte(key), value)
		a.Now[key] = value
		a.Ever[key] = append(a.Ever[key], value)
	}
	a.must(a.db.Write(&b))
}

// fill gives both of two buckets a chain of two pages, and long values.
func (a *author) fill() {
	a.t.Helper()
	for i := range 12 {
		key := fmt.Sprintf("key %02d", i)
		a.put(key, text(key, 1, 700))
	}
	a.put("long", text("long", 1, 9000))
	a.put("longer", text("longer", 1, 5000))
	a.put("", text("the empty key", 1, 30))
	a.put("no value", []byte{})
	a.put("like a placeholder", append([]byte{0xFF}, make([]byte, 17)...))
	a.group(map[string][]byte{"longer": nil})
}

// more follows fill, in a log that is left behind.
func (a *author) more() {
	a.t.Helper()
	a.put("key 01", text("key 01", 2, 300))
	a.group(map[string][]byte{"key 05": nil})
	a.group(map[string][]byte{"batch": text("batch", 1, 100), "long": text("long", 2, 6000), "key 09": nil})
	a.put("key 02", text("key 02", 2, 50))
}

func (a *author) close() {
	a.t.Helper()
	a.must(a.db.Close())
	a.Before = nil
}

// finish takes the database as the death of the process leaves it.
func (a *author) finish(name string) *Scene {
	a.t.Helper()
	return a.take(name, root+"/")
}

// small makes a log whose space is soon used again.
func small() quiver.Options {
	return quiver.Options{LogBytes: 50 << 10, LogChunkBytes: 50 << 10}
}

// unsynced leaves what the log holds out of the segments.
func unsynced() quiver.Options {
	o := small()
	o.NoDataFsync = true
	return o
}

func buildScenes(t *testing.T) []*Scene {
	two := quiver.InitOptions{Buckets: 2}
	var list []*Scene

	a := newAuthor(t, two, small())
	a.close()
	list = append(list, a.finish("empty"))

	a = newAuthor(t, two, small())
	a.fill()
	a.must(a.db.Close())
	a.open()
	a.put("key 03", text("key 03", 2, 500))
	a.close()
	clean := a.finish("clean")
	list = append(list, clean)

	for _, kind := range []struct {
		name string
		o    quiver.Options
	}{{"log", unsynced()}, {"log-and-segments", small()}} {
		a = newAuthor(t, two, kind.o)
		a.fill()
		a.must(a.db.Checkpoint())
		a.more()
		list = append(list, a.finish(kind.name))
	}

	a = newAuthor(t, two, unsynced())
	a.fill()
	a.must(a.db.Checkpoint())
	a.Before = nil
	list = append(list, a.finish("stale-log"))

	a = newAuthor(t, two, unsynced())
	a.fill()
	a.must(a.db.Checkpoint())
	a.more()
	list = append(list, foreign(t, a.finish("foreign-log")))

	list = append(list, shadowed(t, clean))

	a = newAuthor(t, quiver.InitOptions{Buckets: 1, PageSize: 8192}, quiver.Options{OverflowThreshold: 60})
	for i := range 90 {
		key := fmt.Sprint(i)
		a.put(key, text(key, 1, i%70))
	}
	for i := 0; i < 90; i += 5 {
		a.group(map[string][]byte{fmt.Sprint(i): nil})
	}
	a.close()
	list = append(list, a.finish("small-values"))
	return append(append(list, snapshotScenes(t)...), backupScenes(t)...)
}

// foreign makes the log one of the original program, which marks nothing, under
// the clean flag that it leaves there.
func foreign(t *testing.T, s *Scene) *Scene {
	t.Helper()
	log := s.Files["wal-000001.log"]
	out := slices.Clone(log[:format.WALHeaderSize])
	last := binary.LittleEndian.Uint64(s.Files["meta"][32:])
	for off := format.WALHeaderSize; off+format.RecordHeaderSize+4096 <= len(log); off += format.RecordHeaderSize + 4096 {
		h := slices.Clone(log[off : off+format.RecordHeaderSize+4096])
		lsn := binary.LittleEndian.Uint64(h[4:])
		if h[0] != format.RecordPageImage || lsn <= last {
			break
		}
		last, h[1] = lsn, 0
		sealRecord(h)
		out = append(out, h...)
	}
	if len(out) == format.WALHeaderSize {
		t.Fatal("no records")
	}
	s.Files["wal-000001.log"] = out
	s.Files["meta"][40] = 1
	return s
}

// shadowed puts older copies of keys on the first page of a chain, as the
// original program leaves them, one of them with a long value.
func shadowed(t *testing.T, clean *Scene) *Scene {
	t.Helper()
	s := &Scene{Name: "shadowed", Files: map[string][]byte{}, Names: clean.Names, State: clean.State}
	for name, b := range clean.Files {
		s.Files[name] = slices.Clone(b)
	}
	meta, err := format.DecodeMeta(s.Files["meta"])
	if err != nil {
		t.Fatal(err)
	}
	heads, _, err := format.DecodeDir(s.Files["dir"])
	if err != nil {
		t.Fatal(err)
	}
	id := meta.NextPageID
	meta.NextPageID++
	s.Ever, s.Now = maps.Clone(s.Ever), maps.Clone(s.Now)
	var long [4096]byte
	old := text("old and long", 0, 3000)
	format.InitOverflow(long[:], id, format.NoPage, old)
	format.SealPage(long[:], meta.LastLSN)
	const name = "data-000001.p1seg"
	segment := append(s.Files[name], long[:]...)
	for b, head := range heads {
		kv := format.KV(segment[head*4096 : head*4096+4096])
		next := format.NextPage(kv)
		if next == format.NoPage {
			t.Fatal("a chain of one page")
		}
		tail := format.KV(segment[next*4096 : next*4096+4096])
		key, _, _ := firstRecord(tail)
		// Room for the copy.
		for k := range kv.All() {
			delete(s.Now, string(k))
			kv.Delete(format.Hash64(k), slices.Clone(k))
			break
		}
		fresh := make([]byte, 4096)
		kv.CompactInto(fresh)
		copy(kv, fresh)
		stored := text("old", 0, 40)
		s.Ever[string(key)] = append(s.Ever[string(key)], stored)
		if b == 0 {
			s.Ever[string(key)] = append(s.Ever[string(key)], old)
			stored = make([]byte, format.PlaceholderSize)
			format.EncodePlaceholder(stored, uint64(len(old)), id)
		}
		if !kv.Insert(format.Hash64(key), key, stored) {
			t.Fatal("no room for a copy")
		}
		format.SealPage(kv, format.PageLSN(kv))
	}
	s.Files[name], s.Files["meta"] = segment, meta.Encode()
	free, err := format.DecodeFree(s.Files["free"])
	if err != nil {
		t.Fatal(err)
	}
	s.Files["free"] = format.EncodeFree(free.IDs, format.FreeSum(free.IDs, meta.LastLSN, meta.NextPageID))
	return s
}

func firstRecord(kv format.KV) (key, value []byte, ok bool) {
	for k, v := range kv.All() {
		return k, v, true
	}
	return nil, nil, false
}

func sealRecord(h []byte) {
	c := crc32.Update(crc32.ChecksumIEEE(h[:24]), crc32.IEEETable, h[format.RecordHeaderSize:])
	binary.LittleEndian.PutUint32(h[24:], c)
}

// zipScenes packs scenes, the same bytes for the same scenes.
func zipScenes(t *testing.T, list []*Scene) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	add := func(name string, content []byte) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
		if err == nil {
			_, err = w.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range list {
		state, err := json.Marshal(s.State)
		if err != nil {
			t.Fatal(err)
		}
		add(s.Name+"/"+stateName, state)
		for _, name := range slices.Sorted(maps.Keys(s.Files)) {
			add(s.Name+"/"+name, s.Files[name])
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
