package format

import (
	"encoding/hex"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	goldA = 0x1112131415161718
	goldB = 0x2122232425262728
	goldC = 0x3132333435363738
)

func goldImage() []byte {
	image := make([]byte, PageSizeMin)
	for i := range image {
		image[i] = byte(i * 7)
	}
	return image
}

func goldOverflow() []byte {
	p := make([]byte, PageSizeMin)
	InitOverflow(p, goldA, goldB, []byte("value"))
	SealPage(p, goldC)
	return p
}

func goldKV() []byte {
	p := make([]byte, PageSizeMin)
	InitKV(p, goldA)
	KV(p).Insert(Hash64([]byte("k")), []byte("k"), []byte("val"))
	SetNextPage(p, goldB)
	SealPage(p, goldC)
	return p
}

// TestGolden compares encoders with bytes that another implementation made
// from the description of the formats.
func TestGolden(t *testing.T) {
	var rec [RecordHeaderSize]byte
	PutRecordHeader(rec[:], Record{Type: RecordPageImage, Flags: GroupFlags(GroupCount+5, true), LSN: goldA, PageID: goldB}, []byte("abc"))
	walHeader := EncodeWALHeader()
	var ph [PlaceholderSize]byte
	EncodePlaceholder(ph[:], goldA, goldB)
	kv := goldKV()
	meta := Meta{PageSize: 8192, NextPageID: 0x1112131415, LastLSN: goldB, Clean: true}

	for _, g := range []struct {
		name string
		got  []byte
		want string
	}{
		{"meta", meta.Encode(), "503144424d455441030000000020000000000000151413121100000001000000282726252423222101"},
		{"dir", EncodeDir([]uint64{goldA, NoPage}), "50314449523030310100000002000000c7f9a971000000001817161514131211ffffffffffffffff"},
		{"free", EncodeFree([]uint64{goldA, goldB}, goldC), "50314652454530310100000002000000383736353433323118171615141312112827262524232221"},
		{"free sum", le.AppendUint64(nil, FreeSum([]uint64{goldA, goldB}, goldC, 7)), "ab8bfa2545524651"},
		{"part of the free sum", le.AppendUint64(nil, PartFreeSum([]uint64{goldA, goldB}, goldC, 7)), "ab8bfa2550524651"},
		{"wal header", walHeader[:], "503157414c3030310000000000000000"},
		{"wal record", rec[:], "018b000018171615141312112827262524232221030000000a9b8503"},
		{"frame", AppendFrame(nil, goldA, goldB, goldImage())[:FrameHeaderSize], "1817161514131211282726252423222100100000ff81e36f"},
		{"frozen entry", AppendFrozenEntry(nil, FrozenEntry{goldA, goldB, goldC}), "181716151413121128272625242322213837363534333231"},
		{"store frame", AppendStoreFrame(nil, Hash64(goldImage()), goldImage())[:StoreFrameHeaderSize], "659679a2acd36b6000100000d20472af"},
		{"store entry", EncodeStoreIndex([]StoreEntry{{goldA, goldB, 0x41424344}}), "181716151413121128272625242322214443424100000000"},
		{"placeholder", ph[:], "ff0018171615141312112827262524232221"},
		{"overflow page", goldOverflow()[:80], "503150470200030000000000181716151413121105000000000000002827262524232221383736353433323100000000000000000000000000000000fdbf2a6676616c75650000000000000000000000"},
		{"kv page", kv[:72], "5031504702000200000000001817161514131211480002000100000028272625242322213837363534333231e1467fbf823a029a00000000000000003b81f2f4010003006b76616c"},
		{"kv table", kv[len(kv)-8:], "40008a00ffff0000"},
	} {
		require.Equal(t, g.want, hex.EncodeToString(g.got), g.name)
	}
}

func TestGoldenJSON(t *testing.T) {
	since, base := uint64(1), uint64(1<<63+1)
	m := Manifest{SnapshotLSN: goldA, SinceLSN: &since, PageSize: 4096, PagesEmitted: 2, BytesEmitted: 8240, DirPresent: true, DirBytes: 40,
		Extra: &ManifestExtra{NextPageID: 3, BaseLSN: &base, PagesCRC: 4, DirCRC: 5}}
	want := `{"snapshot_lsn":1230066625199609624,"since_lsn":1,"page_size":4096,"pages_emitted":2,"bytes_emitted":8240,"dir_present":true,"dir_bytes":40,` +
		`"quiver":{"next_page_id":3,"base_lsn":9223372036854775809,"pages_crc32":4,"dir_crc32":5,"manifest_crc32":3407330761}}` + "\n"
	require.Equal(t, want, string(EncodeManifest(m)))
	got, err := DecodeManifest([]byte(want))
	require.NoError(t, err)
	require.Equal(t, m, got)

	require.Equal(t, "{\n  \"entries\": []\n}", string(EncodeRegistry(nil)))
	entries := []Snapshot{{ID: "1-2-3<", LSN: 1<<64 - 1, TSNanos: 1795413254016580067, Ended: true}}
	text := "{\n  \"entries\": [\n    {\n      \"id\": \"1-2-3<\",\n      \"lsn\": 18446744073709551615,\n      \"ts_nanos\": 1795413254016580067,\n      \"ended\": true\n    }\n  ]\n}"
	require.Equal(t, text, string(EncodeRegistry(entries)))
	back, err := DecodeRegistry([]byte(text))
	require.NoError(t, err)
	require.Equal(t, entries, back)
}

type field struct{ off, size int }

// byteMaps are the maps by the constants that the code uses. A structure of
// variable length ends with the field in front of the variable part.
var byteMaps = []struct {
	name, file string
	size       int
	fields     []field
}{
	{"meta", "meta.go", MetaSize, []field{{metaMagicOff, 8}, {metaVersionOff, 4}, {metaPageSizeOff, 4}, {metaFlagsOff, 4}, {metaNextOff, 8},
		{metaHashKindOff, 4}, {metaLastLSNOff, 8}, {metaCleanOff, 1}}},
	{"dir", "dir.go", dirHeadsOff, []field{{dirMagicOff, 8}, {dirVersionOff, 4}, {dirBucketsOff, 4}, {dirSumOff, 8}}},
	{"free", "free.go", freeIDsOff, []field{{freeMagicOff, 8}, {freeVersionOff, 4}, {freeCountOff, 4}, {freeReservedOff, 8}}},
	{"page header", "page.go", PageHeaderSize, []field{{pageMagicOff, 4}, {pageVersionOff, 2}, {pageTypeOff, 2}, {pageZero1Off, 4}, {pageIDOff, 8},
		{pageDataStartOff, 2}, {pageSlotsOff, 2}, {pageUsedOff, 2}, {pageFlagsOff, 2}, {pageNextOff, 8}, {pageLSNOff, 8}, {pageSeedOff, 8}, {pageZero2Off, 8}, {pageCRCOff, 4}}},
	{"record", "kv.go", recordHeaderSize, []field{{recordKeyLenOff, 2}, {recordValLenOff, 2}}},
	{"slot", "kv.go", slotSize, []field{{slotOffOff, 2}, {slotFpOff, 1}, {slotDistOff, 1}}},
	{"placeholder", "placeholder.go", PlaceholderSize, []field{{placeholderMarkOff, 1}, {placeholderZeroOff, 1}, {placeholderTotalOff, 8}, {placeholderHeadOff, 8}}},
	{"log header", "wal.go", WALHeaderSize, []field{{walMagicOff, 8}, {8, 4}, {12, 4}}},
	{"log record", "wal.go", RecordHeaderSize, []field{{recTypeOff, 1}, {recFlagsOff, 1}, {recZeroOff, 2}, {recLSNOff, 8}, {recPageIDOff, 8}, {recLenOff, 4}, {recCRCOff, 4}}},
	{"frame", "freeze.go", FrameHeaderSize, []field{{framePageIDOff, 8}, {frameLSNOff, 8}, {frameLenOff, 4}, {frameCRCOff, 4}}},
	{"index.bin of a snapshot", "freeze.go", FrozenEntrySize, []field{{frozenPageIDOff, 8}, {frozenWhereOff, 8}, {frozenLSNOff, 8}}},
	{"hashindex.bin", "freeze.go", FrozenEntrySize, []field{{frozenPageIDOff, 8}, {frozenWhereOff, 8}, {frozenLSNOff, 8}}},
	{"store.bin", "snapstore.go", StoreFrameHeaderSize, []field{{storeHashOff, 8}, {storeLenOff, 4}, {storeCRCOff, 4}}},
	{"index.bin of the SnapStore", "snapstore.go", StoreEntrySize, []field{{storeEntryHashOff, 8}, {storeEntryOffsetOff, 8}, {storeEntryRefsOff, 4}, {storeEntryZeroOff, 4}}},
}

func TestByteMapsLeaveNoGap(t *testing.T) {
	for _, m := range byteMaps {
		end := 0
		for _, f := range m.fields {
			require.Equal(t, end, f.off, m.name)
			end += f.size
		}
		require.Equal(t, m.size, end, m.name)
	}
}

var (
	commentRow = regexp.MustCompile(`^//\s+(\d+)\s+(\d+)\s+\S`)
	tableRow   = regexp.MustCompile(`^\| (\d+) \| (\d+) \| \S`)
)

// mapsIn collects runs of rows "offset size …" that begin at offset 0.
func mapsIn(t *testing.T, file string, row *regexp.Regexp) (maps [][]field) {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	for line := range strings.Lines(string(b)) {
		m := row.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			continue
		}
		off, _ := strconv.Atoi(m[1])
		size, _ := strconv.Atoi(m[2])
		if off == 0 {
			maps = append(maps, nil)
		}
		maps[len(maps)-1] = append(maps[len(maps)-1], field{off, size})
	}
	return maps
}

// TestByteMapsInComments compares the maps at the head of each file with the
// constants below them.
func TestByteMapsInComments(t *testing.T) {
	read := map[string][][]field{}
	for _, m := range byteMaps {
		if _, ok := read[m.file]; !ok {
			read[m.file] = mapsIn(t, m.file, commentRow)
		}
		maps := read[m.file]
		// The whole-page maps of kv.go begin with the page header as one row.
		for len(maps) > 0 && maps[0][0].size == PageHeaderSize {
			maps[0] = maps[0][1:]
			if len(maps[0]) == 0 {
				maps = maps[1:]
			}
		}
		require.NotEmpty(t, maps, "no map of %s in %s", m.name, m.file)
		require.Equal(t, m.fields, maps[0], "%s in %s", m.name, m.file)
		read[m.file] = maps[1:]
	}
	for file, rest := range read {
		require.Empty(t, rest, "maps in %s that no constants belong to", file)
	}
}

// TestByteMapsInDocument compares the tables of FORMAT.md with the constants.
func TestByteMapsInDocument(t *testing.T) {
	maps := mapsIn(t, "../FORMAT.md", tableRow)
	require.Len(t, maps, len(byteMaps))
	for i, m := range byteMaps {
		require.Equal(t, m.fields, maps[i], m.name)
	}
}

func TestNames(t *testing.T) {
	for n, name := range map[uint64]string{1: "data-000001.p1seg", 999999: "data-999999.p1seg", 1000000: "data-1000000.p1seg"} {
		require.Equal(t, name, SegmentName(n))
		got, ok := ParseSegmentName(name)
		require.True(t, ok)
		require.Equal(t, n, got)
	}
	for _, name := range []string{"", "data-.p1seg", "data-000000.p1seg", "data-1.p1seg", "data-0000001.p1seg", "data-+00001.p1seg",
		"data-000001.p1seg.tmp", "data-000001", "x-000001.p1seg", "data-99999999999999999999.p1seg"} {
		_, ok := ParseSegmentName(name)
		require.False(t, ok, name)
	}
	segment, off := PageLocation(8192, 4096)
	require.Equal(t, uint64(2), segment)
	require.Zero(t, off)
	segment, off = PageLocation(2047, 32768)
	require.Equal(t, uint64(2), segment)
	require.Equal(t, int64(SegmentBytes-32768), off)
}
