package quiver_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/quiver"
)

const (
	tokens    = 3   // each moved by a writer of its own
	places    = 12  // where a token can be
	moves     = 200 // of each
	groupSize = 20  // keys that come and go together
)

// TestScanSeesOneMoment: writers move tokens between keys by batches, and make
// and delete a group of keys as a whole. Whatever a scan meets on its way, it sees
// every token once and the group whole or not at all.
func TestScanSeesOneMoment(t *testing.T) {
	for round := range rounds(4) {
		rng := rand.New(rand.NewPCG(uint64(round), 3))
		o := concurrentOptions(rng, unevenDisk(uint64(round)))
		o.Inline = round == 0
		db := openFresh(t, o, dbDir, 1+rng.IntN(8))
		b := &quiver.Batch{}
		for token := range tokens {
			b.Put(placeOf(token, 0), []byte(tokenValue(token, 0)))
		}
		require.NoError(t, db.Write(b))

		stop := make(chan struct{})
		var writers, others sync.WaitGroup
		for token := range tokens {
			writers.Go(func() { moveToken(t, db, token) })
		}
		others.Go(func() { groupComesAndGoes(t, db, stop) })
		others.Go(func() { checkpointAlways(t, db, stop) })
		for reader := range 2 {
			others.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(reader), 4))
				for scanOneMoment(t, db, rng) && !closed(stop) {
				}
			})
		}
		writers.Wait()
		close(stop)
		others.Wait()
		mustCheck(t, db, true)
		require.NoError(t, db.Close())
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
}

func placeOf(token, place int) []byte { return fmt.Appendf(nil, "token%d/%d", token, place) }

// tokenValue is now and then long, so that it stands in pages of its own.
func tokenValue(token, move int) string {
	v := fmt.Sprintf("token %d ", token)
	if move%5 == 0 {
		v += strings.Repeat(fmt.Sprintf("%d.", move), 1500)
	}
	return v
}

func moveToken(t *testing.T, db *quiver.DB, token int) {
	at := 0
	for move := 1; move <= moves; move++ {
		to := (at + 1 + move%(places-1)) % places
		b := &quiver.Batch{}
		b.Delete(placeOf(token, at))
		b.Put(placeOf(token, to), []byte(tokenValue(token, move)))
		write := db.Write
		if move%7 == 0 {
			write = db.WriteNoSync
		}
		if !assert.NoError(t, write(b)) {
			return
		}
		at = to
	}
}

func groupComesAndGoes(t *testing.T, db *quiver.DB, stop <-chan struct{}) {
	for !closed(stop) {
		b := &quiver.Batch{}
		for i := range groupSize {
			b.Put(fmt.Appendf(nil, "group/%d", i), make([]byte, 200*i))
		}
		if !assert.NoError(t, db.Write(b)) {
			return
		}
		n, err := db.DeletePrefix([]byte("group/"))
		if !assert.NoError(t, err) || !assert.Equal(t, groupSize, n) {
			return
		}
	}
}

func checkpointAlways(t *testing.T, db *quiver.DB, stop <-chan struct{}) {
	for !closed(stop) {
		if !assert.NoError(t, db.Checkpoint()) {
			return
		}
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// scanOneMoment scans in one of the ways and reports whether all was right.
func scanOneMoment(t *testing.T, db *quiver.DB, rng *rand.Rand) bool {
	o := quiver.ScanOptions{Sorted: rng.IntN(2) == 0, KeysOnly: rng.IntN(3) == 0}
	wantTokens, wantGroup := tokens, true
	switch rng.IntN(3) {
	case 0:
		o.Prefix, wantTokens, wantGroup = []byte("token1/"), 1, false
	case 1:
		o.Prefix, wantTokens = []byte("group/"), 0
	}
	seen, inGroup := map[string]int{}, 0
	for item, err := range db.Scan(o) {
		if !assert.NoError(t, err) {
			return false
		}
		token, _, isToken := strings.Cut(string(item.Key), "/")
		if token == "group" {
			inGroup++
			continue
		}
		seen[token]++
		if isToken && !o.KeysOnly && !assert.True(t, strings.HasPrefix(string(item.Value), "token "+token[len("token"):]+" ")) {
			return false
		}
	}
	ok := assert.Len(t, seen, wantTokens, "tokens that %+v saw", o)
	for token, n := range seen {
		ok = assert.Equal(t, 1, n, "places of %s in %+v", token, o) && ok
	}
	if wantGroup {
		ok = assert.Contains(t, []int{0, groupSize}, inGroup, "keys of the group in %+v", o) && ok
	}
	return ok
}
