package wal

import (
	"slices"
	"testing"
)

// sweepCase is a log in which a part of the bytes must be damage when they are
// changed, a part cost the last group, and the rest changes nothing.
type sweepCase struct {
	name string
	log  []byte
	full []uint64 // what is read from the log as it is
	// guarded is the end of the slots whose change must be damage; what follows
	// up to lastEnd is the last synced group, whose change looks torn.
	guarded, lastEnd int64
	withoutLast      []uint64
	step             int // flip each step-th bit
}

func sweepCases() []sweepCase {
	finished := logOf(room, groupOf(0, 11, 1), groupOf(1, 12, 2), groupOf(2, 14, 1))
	torn := logOf(room, groupOf(0, 11, 1), groupOf(1, 12, 1), groupOf(2, 13, 2))
	tornAway := put(torn, slot(2), zeros(2*stride))
	return []sweepCase{
		{"finished", finished, upTo(11, 14), slot(3), slot(4), upTo(11, 13), 1},
		{"torn group with a readable record", put(torn, slot(2)+700, []byte("noise")), upTo(11, 12), slot(2), slot(2), nil, 5},
		{"torn group of which nothing is readable", tornAway, upTo(11, 12), slot(1), slot(2), upTo(11, 11), 5},
	}
}

// TestEveryBit: whatever bit of a log is flipped, what is read is right, or
// damage; only the last synced group may be dropped as torn.
func TestEveryBit(t *testing.T) {
	for _, c := range sweepCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := slices.Clone(c.log)
			for i := 0; i < 8*len(b); i += c.step {
				off, mask := i/8, byte(1)<<(i%8)
				b[off] ^= mask
				res, err := scanBytes(t, b, ScanOptions{MetaLastLSN: 10})
				c.judgeFlip(t, int64(off), res, err)
				b[off] ^= mask
			}
		})
	}
}

func (c *sweepCase) judgeFlip(t *testing.T, off int64, res Result, err error) {
	switch {
	case off < 8:
		if d := isDamage(err); d == nil || d.Offset != 0 {
			t.Fatalf("flip at %d: got %v and %+v", off, err, res)
		}
	case off >= begin && off < c.guarded:
		want := begin + (off-begin)/stride*stride
		if d := isDamage(err); d == nil || d.Offset != want {
			t.Fatalf("flip at %d: got %v and %+v", off, err, res)
		}
	default:
		want := c.full
		if off >= c.guarded && off < c.lastEnd {
			want = c.withoutLast
		}
		if err != nil || !equalLSNs(lsns(res), want) || res.MaxLSN > 14+maxJump {
			t.Fatalf("flip at %d: got %v and %+v", off, err, res)
		}
	}
}

// TestEveryLength: a log that lost its end is damage. What is left of a log that
// was cut before its first record could be told (2 bytes of it) is empty.
func TestEveryLength(t *testing.T) {
	for _, c := range sweepCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for n := range len(c.log) + 1 {
				res, err := scanBytes(t, c.log[:n], ScanOptions{MetaLastLSN: 10})
				switch {
				case n < begin+2:
					if err != nil || res.Kind != Empty || res.Records != 0 {
						t.Fatalf("%d bytes: got %v and %+v", n, err, res)
					}
				case int64(n) < c.lastEnd+endBytes:
					if isDamage(err) == nil {
						t.Fatalf("%d bytes: got %v and %+v", n, err, res)
					}
				case err == nil:
					if !equalLSNs(lsns(res), c.full) {
						t.Fatalf("%d bytes: got %+v", n, res)
					}
				default:
					// The end of a torn group may be missing: only damage can do that.
					if isDamage(err) == nil || c.lastEnd == slot(4) {
						t.Fatalf("%d bytes: %v", n, err)
					}
				}
			}
		})
	}
}

// TestEverySectorOfAnotherTime: sectors that hold zeros, noise or those of
// another place are as good as flipped bits.
func TestEverySectorOfAnotherTime(t *testing.T) {
	c := sweepCases()[0]
	noise := make([]byte, 512)
	for i := range noise {
		noise[i] = byte(i*7 + 3)
	}
	for at := int64(512); at+512 <= int64(len(c.log)); at += 512 {
		for _, content := range [][]byte{zeros(512), noise, c.log[at-512 : at], c.log[:512]} {
			b := put(c.log, at, content)
			off := at
			for off < at+512 && b[off] == c.log[off] {
				off++
			}
			res, err := scanBytes(t, b, ScanOptions{MetaLastLSN: 10})
			switch {
			case off == at+512 || off >= c.lastEnd:
				if err != nil || !equalLSNs(lsns(res), c.full) {
					t.Fatalf("sector at %d: got %v and %+v", at, err, res)
				}
			case off < c.guarded:
				// A sector that reaches into the last group can leave nothing of
				// it that tells that the group before was synced.
				reaches := at+512 > c.guarded && err == nil && equalLSNs(lsns(res), upTo(11, 11))
				if isDamage(err) == nil && !reaches {
					t.Fatalf("sector at %d: got %v and %+v", at, err, res)
				}
			case err != nil || !equalLSNs(lsns(res), c.withoutLast):
				t.Fatalf("sector at %d: got %v and %+v", at, err, res)
			}
		}
	}
}
