package main

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/quiver"
)

func packOp(b []byte, kind byte, key, value string) []byte {
	b = append(b, kind)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(key)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(value)))
	return append(append(b, key...), value...)
}

func sampleOps() (ops []byte, ends map[int]bool) {
	ends = map[int]bool{0: true}
	for _, op := range []struct {
		kind       byte
		key, value string
	}{{opPut, "alpha", "1"}, {opPut, "", ""}, {opDelete, "beta", ""}, {opPut, "gamma", "three"}} {
		ops = packOp(ops, op.kind, op.key, op.value)
		ends[len(ops)] = true
	}
	return ops, ends
}

func TestUnpackPrefixes(t *testing.T) {
	ops, ends := sampleOps()
	for n := range len(ops) + 1 {
		batch, err := unpack(ops[:n])
		if ends[n] {
			assert.NoError(t, err, "the first %d bytes", n)
			continue
		}
		require.ErrorIs(t, err, quiver.ErrInvalid, "the first %d bytes", n)
		assert.Nil(t, batch)
	}
	batch, err := unpack(ops)
	require.NoError(t, err)
	assert.Equal(t, 4, batch.Len())
	assert.Equal(t, len("alpha1betagammathree"), batch.Bytes())
}

// TestUnpackChanges: any byte may be another one; what comes of it is an error or
// a batch, and never more bytes than came in.
func TestUnpackChanges(t *testing.T) {
	ops, _ := sampleOps()
	for at := range ops {
		for with := range 256 {
			changed := append([]byte(nil), ops...)
			changed[at] = byte(with)
			batch, err := unpack(changed)
			if err != nil {
				require.ErrorIs(t, err, quiver.ErrInvalid)
				continue
			}
			require.LessOrEqual(t, batch.Bytes(), len(ops))
		}
	}
}

func TestRecords(t *testing.T) {
	var b []byte
	var err error
	for _, item := range []quiver.Item{{Key: []byte("key"), Value: []byte("value")}, {}} {
		b, err = appendRecord(b, item)
		require.NoError(t, err)
	}
	assert.Equal(t, 16, recordLen(b))
	assert.Equal(t, "\x03\x00\x00\x00\x05\x00\x00\x00keyvalue\x00\x00\x00\x00\x00\x00\x00\x00", string(b))
	assert.Equal(t, recordHeader, recordLen(b[16:]))
}
