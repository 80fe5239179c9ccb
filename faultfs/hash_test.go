package faultfs

import (
	"bytes"
	"testing"
)

// TestHashTellsBitsApart flips every bit and every pair of neighbouring bytes
// of blocks with little in them, which a weak mixing confuses first.
func TestHashTellsBitsApart(t *testing.T) {
	m := newBlockMaker(512)
	seen := map[uint64][]byte{}
	add := func(p []byte) {
		t.Helper()
		b := m.whole(bytes.Clone(p))
		if was, ok := seen[b.hash]; ok && !bytes.Equal(was, p) {
			t.Fatalf("one hash %x for two blocks", b.hash)
		}
		seen[b.hash] = bytes.Clone(p)
	}
	for _, fill := range []byte{0, 1, 0x15, 0xFF} {
		p := bytes.Repeat([]byte{fill}, 512)
		add(p)
		for i := range p {
			for bit := range 8 {
				p[i] ^= 1 << bit
				add(p)
				p[i] ^= 1 << bit
			}
			if i > 0 {
				p[i], p[i-1] = p[i]^0x5A, p[i-1]^0xA5
				add(p)
				p[i], p[i-1] = p[i]^0x5A, p[i-1]^0xA5
			}
		}
	}
	if mix(prime1, 1) == mix(prime1, 2) || mix(1, prime2) == mix(2, prime2) {
		t.Error("a factor of zero swallows the other one")
	}
	if len(seen) < 4*512*9-4 {
		t.Errorf("only %d hashes", len(seen))
	}
}

// TestDigestFollowsContent compares the sums that writes keep up to date with
// those of the same content written afresh.
func TestDigestFollowsContent(t *testing.T) {
	worn, fresh := New(Options{Sector: 512}), New(Options{Sector: 512})
	h, err := worn.OpenFile("/a", 1|2)
	if err != nil {
		t.Fatal(err)
	}
	steps := []func() error{
		func() error { _, err := h.WriteAt(bytes.Repeat([]byte("x"), 5000), 0); return err },
		func() error { return h.Truncate(700) },
		func() error { return h.Truncate(3000) },
		func() error { return h.Allocate(2000, 4000) },
		func() error { _, err := h.WriteAt(make([]byte, 300), 500); return err },
		func() error { return h.Truncate(600) },
		func() error { _, err := h.WriteAt([]byte("tail"), 598); return err },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatal(i, err)
		}
		data, err := worn.ReadFile("/a")
		if err != nil {
			t.Fatal(err)
		}
		if err := fresh.WriteFile("/a", data); err != nil {
			t.Fatal(err)
		}
		if worn.Digest() != fresh.Digest() {
			t.Errorf("step %d: the digest is not that of the content", i)
		}
		if diff := worn.Diff(fresh); diff != "" {
			t.Errorf("step %d: %s", i, diff)
		}
	}
	if err := fresh.FlipBit("/a", 3, 7); err != nil {
		t.Fatal(err)
	}
	if worn.Digest() == fresh.Digest() || worn.Equal(fresh) {
		t.Error("a flipped bit is not seen")
	}
}
