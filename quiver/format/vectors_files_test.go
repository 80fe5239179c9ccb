package format

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// eachVectorFile calls fn with every file of the vectors, packed ones included.
func eachVectorFile(t *testing.T, fn func(name string, b []byte)) {
	t.Helper()
	dir := vectorDir(t)
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(name, ".tar.gz") {
			return eachPackedFile(name, b, fn)
		}
		fn(filepath.ToSlash(name), b)
		return nil
	}))
}

func eachPackedFile(name string, b []byte, fn func(name string, b []byte)) error {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return err
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if h.Typeflag == tar.TypeReg {
			fn(name+"/"+filepath.Base(h.Name), content)
		}
	}
}

// TestVectorsFiles decodes every file that the reference wrote and encodes it
// again, to the same bytes.
func TestVectorsFiles(t *testing.T) {
	seen := map[string]int{}
	pageSizes := map[string]int{}
	eachVectorFile(t, func(name string, b []byte) {
		if filepath.Base(name) == MetaName {
			m, err := DecodeMeta(b)
			require.NoError(t, err, name)
			pageSizes[filepath.Dir(name)] = int(m.PageSize)
		}
	})
	eachVectorFile(t, func(name string, b []byte) {
		base := filepath.Base(name)
		if strings.HasPrefix(base, segmentPrefix) {
			seen["pages"] += checkSegment(t, name, b, pageSizes[filepath.Dir(name)])
			return
		}
		check := fileChecks[base]
		if base == IndexName && !strings.Contains(name, SnapshotsName) {
			check = checkStoreIndex
		}
		if check == nil {
			return
		}
		seen[base]++
		check(t, name, b)
	})
	for _, want := range []string{"pages", MetaName, DirName, FreeName, WALName, FreezeName, IndexName,
		HashIndexName, StoreName, RegistryName, PagesName, BackupDirName, BackupManifest, "stream.bin"} {
		require.NotZero(t, seen[want], "no %s among the vectors", want)
	}
}

var fileChecks = map[string]func(t *testing.T, name string, b []byte){
	MetaName:       checkMeta,
	DirName:        checkDir,
	BackupDirName:  checkDir,
	FreeName:       checkFree,
	WALName:        checkLog,
	FreezeName:     checkFrames,
	PagesName:      checkFrames,
	IndexName:      checkFrozenIndex,
	HashIndexName:  checkFrozenIndex,
	StoreName:      checkStore,
	RegistryName:   checkRegistry,
	BackupManifest: checkManifest,

	"stream.bin": checkLog, "stream-since.bin": checkLog, "stream-rotated.bin": checkLog, "slice.bin": checkLog,
}

func checkSegment(t *testing.T, name string, b []byte, size int) (pages int) {
	require.Zero(t, len(b)%size, name)
	segment, ok := ParseSegmentName(filepath.Base(name))
	require.True(t, ok, name)
	for off := 0; off < len(b); off += size {
		p := b[off : off+size]
		id := (segment-1)*PagesPerSegment(size) + uint64(off/size)
		gotSegment, gotOff := PageLocation(id, size)
		require.Equal(t, segment, gotSegment)
		require.EqualValues(t, off, gotOff)
		if IsZeroPage(p) {
			require.ErrorIs(t, VerifyPage(p, id), ErrMagic)
			continue
		}
		if err := VerifyPage(p, id); err != nil {
			// These two were torn on purpose.
			torn := strings.HasPrefix(name, "15-torn-page/") || strings.HasPrefix(name, "24-flag-lies-torn/")
			require.True(t, torn, "%s page %d: %v", name, id, err)
			continue
		}
		if PageType(p) == TypeKV {
			require.Empty(t, CheckKV(p), "%s page %d", name, id)
		}
		pages++
	}
	return pages
}

func checkMeta(t *testing.T, name string, b []byte) {
	m, err := DecodeMeta(b)
	require.NoError(t, err, name)
	require.Equal(t, b, m.Encode(), name)
}

func checkDir(t *testing.T, name string, b []byte) {
	heads, checked, err := DecodeDir(b)
	require.NoError(t, err, name)
	require.True(t, checked, name)
	require.Equal(t, b, EncodeDir(heads), name)
}

func checkFree(t *testing.T, name string, b []byte) {
	f, err := DecodeFree(b)
	require.NoError(t, err, name)
	require.Zero(t, f.Rest, name)
	require.False(t, f.Vouched(0, 0), name)
	got := EncodeFree(f.IDs, f.Reserved)
	le.PutUint32(got[freeCountOff:], f.Count)
	require.Equal(t, b, got, name)
}

// checkLog reads records up to the first bad one, which some vectors have, and
// encodes them again.
func checkLog(t *testing.T, name string, b []byte) {
	require.NoError(t, CheckWALHeader(b), name)
	for off := 0; off < len(b); {
		rest := b[off:]
		if IsWALHeader(rest) {
			off += WALHeaderSize
			continue
		}
		r, err := DecodeRecordHeader(rest)
		if err != nil || int64(len(rest)) < r.Size() {
			cut := strings.HasPrefix(name, "12-wal-torn-tail/") || strings.HasPrefix(name, "16-wal-short-header/")
			require.True(t, cut, "%s: short record at %d", name, off)
			return
		}
		payload := rest[RecordHeaderSize:r.Size()]
		if !r.VerifyPayload(rest, payload) {
			require.True(t, strings.HasPrefix(name, "13-wal-bad-crc/"), "%s: bad record at %d", name, off)
			return
		}
		require.False(t, r.Marked(), name)
		again := make([]byte, RecordHeaderSize)
		PutRecordHeader(again, Record{Type: r.Type, Flags: r.Flags, LSN: r.LSN, PageID: r.PageID}, payload)
		require.Equal(t, rest[:RecordHeaderSize], again, "%s at %d", name, off)
		if r.Type == RecordPageImage {
			require.NoError(t, VerifyPage(payload, r.PageID), "%s at %d", name, off)
			require.Equal(t, r.LSN, PageLSN(payload), "%s at %d", name, off)
		}
		off += int(r.Size())
	}
}

func checkFrames(t *testing.T, name string, b []byte) {
	var again []byte
	for rest := b; len(rest) > 0; rest = b[len(again):] {
		f, image, err := DecodeFrame(rest)
		require.NoError(t, err, "%s at %d", name, len(again))
		require.NoError(t, VerifyPage(image, f.PageID), "%s at %d", name, len(again))
		require.Equal(t, f.LSN, PageLSN(image), name)
		again = AppendFrame(again, f.PageID, f.LSN, image)
	}
	require.Equal(t, b, again, name)
}

func checkFrozenIndex(t *testing.T, name string, b []byte) {
	entries, err := DecodeFrozenEntries(b)
	require.NoError(t, err, name)
	var again []byte
	for _, e := range entries {
		again = AppendFrozenEntry(again, e)
	}
	require.Equal(t, b, again, name)
}

func checkStore(t *testing.T, name string, b []byte) {
	var again []byte
	for rest := b; len(rest) > 0; rest = b[len(again):] {
		_, image, err := DecodeStoreFrame(rest)
		require.NoError(t, err, "%s at %d", name, len(again))
		again = AppendStoreFrame(again, Hash64(image), image)
	}
	require.Equal(t, b, again, name)
}

func checkStoreIndex(t *testing.T, name string, b []byte) {
	entries, err := DecodeStoreIndex(b)
	require.NoError(t, err, name)
	require.Equal(t, b, EncodeStoreIndex(entries), name)
}

func checkRegistry(t *testing.T, name string, b []byte) {
	entries, err := DecodeRegistry(b)
	require.NoError(t, err, name)
	require.Equal(t, string(b), string(EncodeRegistry(entries)), name)
}

func checkManifest(t *testing.T, name string, b []byte) {
	m, err := DecodeManifest(b)
	require.NoError(t, err, name)
	require.Equal(t, string(b), string(EncodeManifest(m)), name)
}
