package format

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// vectorDir is the folder of files that the reference wrote. Its README says
// where tests look for it.
func vectorDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("QUIVER_REFERENCE_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "conformance")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no reference vectors: %v (set QUIVER_REFERENCE_VECTORS)", err)
	}
	return dir
}

func readVector(t *testing.T, into any, name ...string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{vectorDir(t)}, name...)...))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, into))
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func TestVectorsHash(t *testing.T) {
	var rows []struct {
		Bucket      uint32 `json:"bucket_of_1024"`
		Fingerprint uint8  `json:"fingerprint"`
		Hash        string `json:"hash64"`
		Key         string `json:"key"`
	}
	readVector(t, &rows, "pages", "hash.json")
	require.NotEmpty(t, rows)
	for _, r := range rows {
		key := unhex(t, r.Key)
		want, err := strconv.ParseUint(r.Hash, 16, 64)
		require.NoError(t, err)
		got := Hash64(key)
		require.Equal(t, want, got, "hash of %s", r.Key)
		require.Equal(t, r.Bucket, Bucket(got, 1024), "bucket of %s", r.Key)
		require.Equal(t, r.Fingerprint, fingerprint(got), "fingerprint of %s", r.Key)
	}
}

type pageScript struct {
	Page string `json:"page"`
	ID   uint64 `json:"page_id"`
	Ops  []struct {
		Op      string `json:"op"`
		Key     string `json:"key"`
		Value   string `json:"value"`
		Fits    bool   `json:"fits"`
		Existed bool   `json:"existed"`
	} `json:"ops"`
}

func (s pageScript) run(t *testing.T, id uint64, size int) KV {
	p := make(KV, size)
	InitKV(p, id)
	for i, op := range s.Ops {
		key, value := unhex(t, op.Key), unhex(t, op.Value)
		switch op.Op {
		case "insert":
			require.Equal(t, op.Fits, p.Insert(Hash64(key), key, value), "op %d: insert %s", i, op.Key)
		case "delete":
			require.Equal(t, op.Existed, p.Delete(Hash64(key), key), "op %d: delete %s", i, op.Key)
		case "compact":
			dst := make(KV, size)
			p.CompactInto(dst)
			p = dst
		default:
			t.Fatalf("op %d: unknown %q", i, op.Op)
		}
		require.Empty(t, CheckKV(p), "after op %d", i)
	}
	return p
}

// The gap between records and table has no meaning: the reference leaves old
// bytes there, except that the CRC of the vector was taken with a zero gap.
func zeroGap(p KV) {
	clear(p[p.DataStart() : len(p)-slotSize*p.Slots()])
}

func TestVectorsRobinHood(t *testing.T) {
	var scripts []pageScript
	readVector(t, &scripts, "pages", "robin-hood.json")
	require.NotEmpty(t, scripts)
	for i, s := range scripts {
		want := KV(unhex(t, s.Page))
		got := s.run(t, PageID(want), len(want))
		require.Equal(t, want[:pageCRCOff], got[:pageCRCOff], "header of script %d", i)
		require.Equal(t, want[PageHeaderSize:want.DataStart()], got[PageHeaderSize:got.DataStart()], "records of script %d", i)
		require.Equal(t, want.table(), got.table(), "table of script %d", i)

		zeroGap(got)
		SealPage(got, PageLSN(want))
		require.Equal(t, want[pageCRCOff:PageHeaderSize], got[pageCRCOff:PageHeaderSize], "CRC of script %d", i)
		require.NoError(t, VerifyPage(got, PageID(want)))
	}
}
