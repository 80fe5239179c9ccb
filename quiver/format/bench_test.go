package format

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// fullPage is a page of records as a small database has them.
func fullPage(size int) (KV, [][]byte) {
	p := newKV(size, 5)
	var keys [][]byte
	for i := 0; ; i++ {
		k := fmt.Appendf(nil, "user:%08d", i)
		if !p.Insert(Hash64(k), k, make([]byte, 50)) {
			SealPage(p, 1)
			return p, keys
		}
		keys = append(keys, k)
	}
}

// TestNoAllocations: a pager calls these for every operation.
func TestNoAllocations(t *testing.T) {
	p, keys := fullPage(4096)
	over := goldOverflow()
	long := make([]byte, 4096)
	work := make(KV, len(p))
	var rec [RecordHeaderSize]byte
	for name, fn := range map[string]func(){
		"Hash64 of a short key":     func() { Hash64(keys[0]) },
		"Hash64 of a page":          func() { Hash64(long) },
		"VerifyPage":                func() { _ = VerifyPage(p, 5) },
		"VerifyPage of an overflow": func() { _ = VerifyPage(over, goldA) },
		"SealPage":                  func() { SealPage(p, 1) },
		"Get":                       func() { p.Get(Hash64(keys[3]), keys[3]) },
		"Insert and Delete":         func() { copy(work, p); work.drop("user:00000001"); work.put("user:00000001", "") },
		"CompactInto":               func() { p.CompactInto(work) },
		"All": func() {
			for range p.All() {
			}
		},
		"PutRecordHeader": func() { PutRecordHeader(rec[:], Record{Type: 1}, p) },
		"VerifyPayload": func() {
			r, _ := DecodeRecordHeader(rec[:])
			r.VerifyPayload(rec[:], p)
		},
	} {
		require.Zero(t, testing.AllocsPerRun(20, fn), name)
	}
}

func BenchmarkHash64(b *testing.B) {
	for _, n := range []int{8, 16, 64, 120, 121, 1024, 4096} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			key := make([]byte, n)
			b.ReportAllocs()
			for b.Loop() {
				Hash64(key)
			}
		})
	}
}

func BenchmarkKVGet(b *testing.B) {
	for _, size := range []int{4096, 32768} {
		p, keys := fullPage(size)
		hashes := make([]uint64, len(keys))
		for i, k := range keys {
			hashes[i] = Hash64(k)
		}
		b.Run(fmt.Sprintf("hit/%d", size), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i == len(keys) {
					i = 0
				}
				if _, ok := p.Get(hashes[i], keys[i]); !ok {
					b.Fatal("not found")
				}
			}
		})
		b.Run(fmt.Sprintf("miss/%d", size), func(b *testing.B) {
			key := []byte("user:x0000000")
			hash := Hash64(key)
			b.ReportAllocs()
			for b.Loop() {
				hash += 0x9E3779B97F4A7C15
				if _, ok := p.Get(hash, key); ok {
					b.Fatal("found")
				}
			}
		})
	}
}

// BenchmarkKVInsert fills a page of 4096 bytes again and again.
func BenchmarkKVInsert(b *testing.B) {
	full, keys := fullPage(4096)
	hashes := make([]uint64, len(keys))
	for i, k := range keys {
		hashes[i] = Hash64(k)
	}
	p := make(KV, len(full))
	value := make([]byte, 50)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%len(keys) == 0 {
			i = 0
			InitKV(p, 5)
		}
		if !p.Insert(hashes[i], keys[i], value) {
			b.Fatal("does not fit")
		}
	}
}

func BenchmarkKVUpdate(b *testing.B) {
	full, keys := fullPage(4096)
	p := append(KV{}, full...)
	hash := Hash64(keys[7])
	p.Delete(Hash64(keys[0]), keys[0])
	q := make(KV, len(p))
	b.ReportAllocs()
	for b.Loop() {
		if !p.Insert(hash, keys[7], keys[7]) {
			p.CompactInto(q)
			p, q = q, p
		}
	}
}

func BenchmarkVerifyPage(b *testing.B) {
	for _, size := range []int{4096, 32768} {
		p, _ := fullPage(size)
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if err := VerifyPage(p, 5); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("CRC alone/%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				PageCRC(p)
			}
		})
	}
}
