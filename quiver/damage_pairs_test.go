package quiver_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// spoil is a random change of one file: a bit, a sector, a length.
func spoil(rng *rand.Rand, file string, b []byte) (what string, off int, spoiled []byte) {
	at := rng.IntN(len(b))
	switch rng.IntN(5) {
	case 0, 1:
		bit := rng.IntN(8)
		b[at] ^= 1 << bit
		return fmt.Sprintf("%s byte %d bit %d", file, at, bit), at, b
	case 2:
		at -= at % sector
		clear(b[at:min(len(b), at+sector)])
		return fmt.Sprintf("%s zeros at %d", file, at), at, b
	case 3:
		from := rng.IntN(len(b))
		from -= from % sector
		at -= at % sector
		copy(b[at:min(len(b), at+sector)], b[from:])
		return fmt.Sprintf("%s sector of %d at %d", file, from, at), at, b
	}
	if rng.IntN(2) == 0 {
		at, b = len(b), append(b, make([]byte, rng.IntN(3*4096))...)
		return fmt.Sprintf("%s extended to %d", file, len(b)), at, b
	}
	if file == logName {
		at = max(at, 18) // shorter is a log that was cut
	}
	return fmt.Sprintf("%s cut to %d", file, at), at, b[:min(at, len(b))]
}

// Two or three files damaged at once. Where the log and a segment are, the last
// group may be lost on some pages only: its images were the one copy left.
func TestDamageOfSeveralFiles(t *testing.T) {
	forEachScene(t, func(tr *trial) {
		rng := rand.New(rand.NewPCG(1, 2))
		for range 400 {
			tr.several(rng)
		}
	})
}

func (tr *trial) several(rng *rand.Rand) {
	tr.t.Helper()
	names := fileNames()
	rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	d := damage{mixed: true}
	spoiled := map[string][]byte{}
	for _, file := range names[:2+rng.IntN(2)] {
		b := tr.s.bytes(tr.t, file)
		// With a meta that cannot be believed a damaged log proves nothing.
		if len(b) == 0 || file == logName && spoiled["meta"] != nil || file == "meta" && spoiled[logName] != nil {
			continue
		}
		what, off, b := spoil(rng, file, b)
		spoiled[file] = b
		d.name += what + "; "
		if file == logName {
			d.file, d.off = file, int64(off)
		}
	}
	d.apply = func(f *faultfs.FS) error {
		for file, b := range spoiled {
			if err := f.WriteFile("/db/"+file, b); err != nil {
				return err
			}
		}
		return nil
	}
	tr.try(d)
}
