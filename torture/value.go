package torture

import (
	"encoding/binary"

	"github.com/quiverdb/quiverdb-go/torture/raw"
)

const markedSize = 18

// value makes the bytes of a value: different for every number, so that a value
// tells which change wrote it.
func value(number uint64, c Change) string {
	b := make([]byte, c.Size)
	x := number*0x9E3779B97F4A7C15 + uint64(c.Size)
	for i := range b {
		if i%8 == 0 {
			// splitmix64
			x += 0x9E3779B97F4A7C15
		}
		z := x
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		b[i] = byte(z >> (8 * (i % 8)))
	}
	if c.Mark {
		// A placeholder that leads to page 0, to be believed by who looks at the
		// shape alone.
		b[0], b[1] = 0xFF, 0
		binary.LittleEndian.PutUint64(b[2:], 4000+number%32)
		binary.LittleEndian.PutUint64(b[10:], 0)
	}
	return string(b)
}

// keyIn is the i-th short key, from 0, that falls into a bucket.
func keyIn(bucket, i, buckets int) string {
	for n := 0; ; n++ {
		k := keyName(n)
		if raw.BucketOf([]byte(k), buckets) != bucket {
			continue
		}
		if i == 0 {
			return k
		}
		i--
	}
}

// keyName counts a, b, … z, ba, bb, …
func keyName(n int) string {
	k := string(rune('a' + n%26))
	if n >= 26 {
		return keyName(n/26) + k
	}
	return k
}
