package folder

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/quiverdb/quiverdb-go/quiver/format"
)

var update = flag.Bool("update", false, "write the scenes anew (recipes change their meaning), and the seeds of all targets")

// TestUpdate writes what is committed of scenes and seeds. What a fuzzer has
// found stays beside the seeds.
func TestUpdate(t *testing.T) {
	if !*update {
		t.Skip("needs -update")
	}
	kinds := sortScenes(buildScenes(t))
	must(t, os.WriteFile("scenes.zip", zipScenes(t, slices.Concat(kinds.databases, kinds.backups)), 0o644))
	for target, list := range seeds(kinds.databases, kinds.backups) {
		dir := filepath.Join("..", "testdata", "fuzz", target)
		if Properties()[target] != nil {
			dir = filepath.Join("testdata", "fuzz", target)
		}
		must(t, os.MkdirAll(dir, 0o755))
		for name, data := range list {
			text := fmt.Sprintf("go test fuzz v1\n[]byte(%+q)\n", data)
			must(t, os.WriteFile(filepath.Join(dir, strings.NewReplacer(", ", "-", " ", "-").Replace(name)), []byte(text), 0o644))
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type seedList map[string][]byte

// seeds are made from the files of the scenes, and by hand.
func seeds(scenes, backups []*Scene) map[string]seedList {
	all := map[string]seedList{
		"FuzzHash": {"empty": {}, "short": []byte("key"), "120 bytes": make([]byte, 120), "121 bytes": make([]byte, 121), "long": make([]byte, 300)},
		"FuzzSegmentName": {"first": []byte("data-000001.p1seg"), "seven digits": []byte("data-1000000.p1seg"),
			"none": []byte("data-000000.p1seg"), "too short": []byte("data-01.p1seg"), "padded": []byte("data-0000001.p1seg"), "largest": []byte("data-18446744073709551615.p1seg")},
		"FuzzRobinHoodPage": tableSeeds(), "FuzzRobinHood": robinHoodSeeds(), "FuzzRobinHoodFar": {"as it is": {}, "deletes": {5 | 8, 0, 5 | 8, 1, 5 | 8, 99, 5 | 8, 200},
			"mixed": {0, 'a', 4, 4, 24, 20, 5 | 16, 100, 3, 'a', 7, 4, 44, 10}},
		"FuzzOverflow": {"one page": []byte("\x00\x00value"), "three pages": append([]byte{0, 30}, make([]byte, 300)...),
			"full page": append([]byte{0, 62}, make([]byte, 64)...), "large pages": append([]byte{3, 200}, make([]byte, 300)...), "empty": {0, 0}},
		"FuzzPlaceholder": placeholderSeeds(), "FuzzWALHeader": {"whole": []byte("P1WAL001\x00\x00\x00\x00\x00\x00\x00\x00"),
			"begun": []byte("P1WA"), "empty": {}, "other": []byte("P1WAL002\x00\x00\x00\x00\x00\x00\x00\x00")},
		"FuzzWALRecord": {}, "FuzzWALStream": streamSeeds(), "FuzzFreezeFrame": {}, "FuzzStoreFrame": {},
		"FuzzFrozenIndex": indexSeeds(), "FuzzStoreIndex": indexSeeds(), "FuzzRegistry": registrySeeds(), "FuzzManifest": manifestSeeds(),
		"FuzzMeta": {}, "FuzzDir": {}, "FuzzFree": {}, "FuzzPage": {}, "FuzzFolder": folderSeeds(scenes), "FuzzLog": logSeeds(scenes),
		"FuzzBackup": backupSeeds(backups),
	}
	for _, s := range scenes {
		all["FuzzMeta"][s.Name] = s.Files[metaName]
		all["FuzzDir"][s.Name] = append([]byte{0}, s.Files[dirName]...)
		all["FuzzFree"][s.Name] = append([]byte{0, 0}, s.Files[freeName]...)
	}
	meta := scenes[1].Files[metaName]
	for version, size := range map[byte]int{1: 28, 2: 32, 4: 41} {
		b := append([]byte(nil), meta[:size]...)
		b[8] = version
		all["FuzzMeta"][fmt.Sprint("version ", version)] = b
	}
	all["FuzzDir"]["no checksum"] = append([]byte{0}, append(format.EncodeDir(nil)[:16], make([]byte, 40)...)...)
	all["FuzzDir"]["sealed"] = append([]byte{1}, format.EncodeDir([]uint64{1, format.NoPage, 3})...)
	all["FuzzDir"]["bytes behind"] = append([]byte{1}, append(format.EncodeDir([]uint64{5}), 1, 2, 3)...)
	all["FuzzFree"]["vouched"] = append([]byte{1, 9}, format.EncodeFree([]uint64{7, 8}, 0)...)
	all["FuzzFree"]["rest"] = append([]byte{0, 0}, append(format.EncodeFree([]uint64{7}, 0), 1, 2, 3)...)
	addPages(all, scenes)
	all["FuzzPageChanges"] = all["FuzzPage"]
	return all
}

// addPages makes seeds of real pages.
func addPages(all map[string]seedList, scenes []*Scene) {
	for _, s := range scenes {
		if s.Name != "small-values" && s.Name != "shadowed" {
			continue
		}
		size := int(binary.LittleEndian.Uint32(s.Files[metaName][12:]))
		segment := s.Files[segmentName]
		for i := 0; (i+1)*size <= len(segment) && i < 3; i++ {
			page := segment[i*size : (i+1)*size]
			name := fmt.Sprintf("%s %d", s.Name, i)
			all["FuzzPage"][name] = pageRecipe(page)
		}
	}
	kv := make([]byte, 4096)
	format.InitKV(kv, 5)
	all["FuzzPage"]["new"] = pageRecipe(kv)
	for i := range 6 {
		key := []byte{byte('a' + i)}
		format.KV(kv).Insert(format.Hash64(key), key, []byte("value"))
	}
	format.KV(kv).Delete(format.Hash64([]byte("c")), []byte("c"))
	all["FuzzPage"]["five keys"] = pageRecipe(kv)
	dead := make([]byte, 4096)
	format.InitKV(dead, 8)
	binary.LittleEndian.PutUint16(dead[20:], 72)
	copy(dead[22:], "\x01\x00\x01\x00")
	copy(dead[64:], "\xFF\xFF\xFF\xFF\x00\x00\x00\x00")
	copy(dead[4092:], "\x44\x00\x01\x00")
	all["FuzzPage"]["dead record past the end"] = pageRecipe(dead)
	long := make([]byte, 4096)
	format.InitOverflow(long, 6, 7, []byte("chunk"))
	all["FuzzPage"]["overflow"] = pageRecipe(long)
	unsealed := pageRecipe(long)
	unsealed[0] |= 4
	all["FuzzPage"]["wrong checksum"] = unsealed
	for off, name := range map[int]string{6: "type", 8: "reserved", 26: "flags", 52: "reserved at the end", 4: "version"} {
		odd := append([]byte(nil), kv...)
		odd[off] ^= 5
		all["FuzzPage"]["odd "+name] = pageRecipe(odd)
	}
	typed := append([]byte(nil), kv...)
	typed[6] = 4
	all["FuzzPage"]["another type"] = pageRecipe(typed)
	flagged := append([]byte(nil), kv...)
	flagged[26] = 1
	all["FuzzPage"]["a flag"] = pageRecipe(flagged)
	other := pageRecipe(kv)
	other[0] |= 8
	all["FuzzPage"]["other id"] = other

	addFrames(all, kv[:100])
}

// addFrames makes seeds of frames and log records around the beginning of a page.
func addFrames(all map[string]seedList, header []byte) {
	all["FuzzFreezeFrame"]["page"] = append(append([]byte{0}, make([]byte, 24)...), header...)
	frame := append([]byte{4 | 8}, format.AppendFrame(nil, 5, 9, make([]byte, 4096))...)[:25]
	all["FuzzFreezeFrame"]["as written"] = frame
	wrong := append([]byte(nil), frame...)
	wrong[21] ^= 1
	all["FuzzFreezeFrame"]["wrong checksum"] = wrong
	store := append([]byte{4 | 8 | 16}, format.AppendStoreFrame(nil, format.Hash64(make([]byte, 4096)), make([]byte, 4096))...)[:17]
	all["FuzzStoreFrame"]["as written"] = store
	wrong = append([]byte(nil), store...)
	wrong[13] ^= 1
	all["FuzzStoreFrame"]["wrong checksum"] = wrong
	all["FuzzFreezeFrame"]["cut"] = append(append([]byte{0x20, 1, 0}, make([]byte, 24)...), header...)
	all["FuzzFreezeFrame"]["own length"] = append([]byte{4}, append(make([]byte, 24), 1)...)
	all["FuzzStoreFrame"]["page"] = append(append([]byte{0}, make([]byte, 16)...), header...)
	all["FuzzStoreFrame"]["wrong hash"] = append(append([]byte{16}, make([]byte, 16)...), header...)
	all["FuzzStoreFrame"]["cut"] = append(append([]byte{0x20, 1, 16}, make([]byte, 16)...), header...)
	record := make([]byte, format.RecordHeaderSize)
	format.PutRecordHeader(record, format.Record{Type: format.RecordPageImage, Flags: format.GroupFlags(70, true), LSN: 9, PageID: 3}, header)
	all["FuzzWALRecord"]["image"] = append(append([]byte{0}, record...), header...)
	all["FuzzWALRecord"]["sealed"] = append(append([]byte{1}, record...), header[:50]...)
	all["FuzzWALRecord"]["page image"] = append(append([]byte{1 | 4}, record...), header...)
	all["FuzzWALRecord"]["page image, wrong checksum"] = append(append([]byte{4 | 2}, record...), header...)
	whole := make([]byte, 4096)
	copy(whole, header)
	format.PutRecordHeader(record, format.Record{Type: format.RecordPageImage, Flags: format.GroupFlags(70, false), LSN: 9, PageID: 3}, whole)
	all["FuzzWALRecord"]["page image in a group"] = append(append([]byte{4}, record...), header...)
	broken := append([]byte(nil), record...)
	broken[24] ^= 1
	all["FuzzWALRecord"]["page image, another checksum"] = append(append([]byte{4}, broken...), header...)
	all["FuzzWALRecord"]["large page image"] = append(append([]byte{1 | 4 | 3<<3}, record...), header...)
	all["FuzzWALRecord"]["shorter than its length"] = append(append([]byte{3}, record...), header[:50]...)
	all["FuzzWALRecord"]["truncate"] = append([]byte{1, format.RecordTruncate}, make([]byte, 27)...)
	all["FuzzWALRecord"]["cut"] = append([]byte{0}, record[:20]...)
}

// pageRecipe is the recipe that FuzzPage makes this page of.
func pageRecipe(page []byte) []byte {
	begin, end := int(binary.LittleEndian.Uint16(page[20:])), 4*int(binary.LittleEndian.Uint16(page[22:]))
	if format.PageType(page) == format.TypeOverflow {
		begin += format.PageHeaderSize
	}
	flags := byte(0)
	for 4096<<flags < len(page) {
		flags++
	}
	out := append([]byte{flags, byte(end), byte(end >> 8)}, page[:begin]...)
	return append(out, page[len(page)-end:]...)
}

// tableSeeds has a full table, and each change of one.
func tableSeeds() seedList {
	fill := []byte{0, 7, 11}
	for i := range byte(11) {
		fill = append(fill, 1|i<<2, 'a'+i)
	}
	list := seedList{"empty": {0, 1}, "full": fill, "large pages": append([]byte{1}, fill[1:]...),
		"updated": {1, 9, 4, 5, 'a', 9, 'a', 0, 0, 6, 'a', 'a'}, "other count": append([]byte{2}, append(fill[1:len(fill):len(fill)], 3, 1, 0)...)}
	for name, edit := range map[string][]byte{
		"slots swapped": {0, 2, 3}, "slot twice": {2, 2, 3}, "slot emptied": {3, 2, 0}, "fingerprint": {4, 2, 9}, "distance": {5, 2, 255},
		"between records": {6, 2, 3}, "length of a record": {7, 4, 9}, "long value": {7 | 2<<3, 4, 90}, "several": {0, 9, 5, 1, 3, 3, 5, 4, 0, 3, 8, 0},
	} {
		list[name] = append(fill[:len(fill):len(fill)], edit...)
	}
	return list
}

func robinHoodSeeds() seedList {
	run := []byte{0, 7}
	for i := range byte(40) {
		run = append(run, 0, i, i*6)
	}
	full := []byte{0, 7}
	for i := range byte(60) {
		full = append(full, 0, i, 100)
		if i%4 == 3 {
			full = append(full, 3, i-2, 7)
		}
	}
	return seedList{
		"a few":           {0, 1, 0, 'a', 3, 0, 'b', 0, 1, 'a', 9, 3, 'b', 7},
		"many":            run,
		"full":            full,
		"one home":        {3, 9, 4, 0, 31, 4, 100, 25, 5 | 8, 3, 5 | 16, 40, 5 | 32, 1, 7},
		"long values":     {1, 2, 6, 'x', 0, 4, 6, 'y', 0, 8, 6, 'x', 1, 16, 7, 3, 'x'},
		"keys as written": {0, 3, 2, 3, 'k', 'e', 'y', 4, 'v', 'a', 'l', 'u', 2, 0, 0, 2, 2, 'x', 'y', 0},
	}
}

func placeholderSeeds() seedList {
	var p [format.PlaceholderSize]byte
	format.EncodePlaceholder(p[:], 5000, 3)
	none := p
	binary.LittleEndian.PutUint64(none[10:], format.NoPage)
	odd := p
	odd[1] = 1
	return seedList{"right": p[:], "no page": none[:], "second byte": odd[:], "short": p[:17], "no value": append([]byte{0xFF}, make([]byte, 17)...)}
}

func streamSeeds() seedList {
	return seedList{
		"two records":      {0 | 8<<2, 1, 0x80, 5, 1, 'p', 'a', 'y', 'l', 'o', 'a', 'd', '.', 0, 1, 0x81, 6, 2},
		"page":             {1 | 3<<2, 1, 0x81, 5, 1, 'a', 'b', 'c'},
		"truncate, header": {0, 1, 0, 5, 1, 0, 2, 0, 0, 0, 2, 0, 1, 0, 6, 1},
		"cut":              {0 | 4<<2, 1, 0, 5, 1, 'a', 'b', 'c', 'd', 3, 2},
		"noise":            {0, 1, 0, 5, 1, 3 | 30<<2, 'n', 'o', 'i', 's', 'e', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	}
}

func indexSeeds() seedList {
	two := format.AppendFrozenEntry(format.AppendFrozenEntry(nil, format.FrozenEntry{PageID: 1, Where: 0, LSN: 5}), format.FrozenEntry{PageID: 2, Where: 4120, LSN: 6})
	return seedList{"empty": {}, "two": two, "torn": two[:30], "counted": format.EncodeStoreIndex([]format.StoreEntry{{Hash: 1 << 60, Offset: 4112, Refs: 3}})}
}

func registrySeeds() seedList {
	return seedList{
		"none": format.EncodeRegistry(nil),
		"two": format.EncodeRegistry([]format.Snapshot{{ID: "123-1764000000000000000-1", LSN: 1<<63 + 1, TSNanos: 1764000000000000000},
			{ID: "snap ä", LSN: 2, TSNanos: 3, Ended: true}}),
		"unknown fields": []byte(`{"more":[1,{}],"entries":[{"id":"a","lsn":1,"ts_nanos":2,"ended":false,"x":null}]}`),
		"twice":          []byte(`{"entries":[],"entries":[{"id":"a","lsn":1,"lsn":2,"ts_nanos":2,"ended":true}]}`),
		"other case":     []byte(`{"Entries":[{"ID":"a","LSN":1,"ts_nanos":2,"ended":true}]}`),
		"path":           []byte(`{"entries":[{"id":"../a","lsn":1,"ts_nanos":2,"ended":true}]}`),
		"null":           []byte(`{"entries":[null]}`),
		"fraction":       []byte(`{"entries":[{"id":"a","lsn":1.0,"ts_nanos":2e3,"ended":true}]}`),
		"escapes":        []byte(`{"entr\u0069es":[{"id":"\u0000\ud800","lsn":1,"ts_nanos":2,"ended":true}]}`),
		"cut":            []byte(`{"entries":[{"id":"a",`),
	}
}

func manifestSeeds() seedList {
	since := uint64(7)
	m := format.Manifest{SnapshotLSN: 1<<63 + 5, PageSize: 4096, PagesEmitted: 3, BytesEmitted: 12360, DirPresent: true, DirBytes: 40}
	full := format.EncodeManifest(m)
	m.SinceLSN, m.Extra = &since, &format.ManifestExtra{NextPageID: 9, BaseLSN: &since, PagesCRC: 1<<32 - 1, DirCRC: 5}
	return seedList{"full": full, "incremental": format.EncodeManifest(m), "wrong checksum": bytes.Replace(format.EncodeManifest(m), []byte("12360"), []byte("12361"), 1),
		"no since":  []byte(`{"snapshot_lsn":1,"page_size":8192,"pages_emitted":0,"bytes_emitted":0,"dir_present":false,"dir_bytes":0}`),
		"null":      []byte(`{"snapshot_lsn":1,"page_size":8192,"pages_emitted":0,"bytes_emitted":0,"dir_present":false,"dir_bytes":0,"quiver":null}`),
		"page size": []byte(`{"snapshot_lsn":1,"page_size":65536,"pages_emitted":0,"bytes_emitted":0,"dir_present":false,"dir_bytes":0}`),
		"behind":    append(append([]byte(nil), full...), "{}"...)}
}
