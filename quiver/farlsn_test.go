package quiver_test

import (
	"context"
	"testing"

	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// TestPageWithAnLSNThatMetaCannotHold: a page that nothing leads to, whole and with an
// LSN beyond all that operations get, does not raise the counter: the meta of the next
// close would not be believed, and the database not opened any more.
func TestPageWithAnLSNThatMetaCannotHold(t *testing.T) {
	for _, lsn := range []uint64{1 << 61, 1<<61 + 5, 1<<62 - 1} {
		w := newPageWorld(t)
		db := mustOpen(t, "/db", w.options())
		mustDelete(t, db, w.pairs, w.longKey)
		must(t, db.Close())
		w.change(w.overflow[1], func(p []byte) { format.SealPage(p, lsn) })
		db = mustOpen(t, "/db", w.options())
		_, err := db.Recount(context.Background(), nil)
		must(t, err)
		mustPut(t, db, w.pairs, w.longKey, blob("again", 9000))
		mustHold(t, db, w.pairs)
		must(t, db.Close())
		db = mustOpen(t, "/db", w.options())
		mustHold(t, db, w.pairs)
		must(t, db.Close())
		mustBeClean(t, w.disk, "/db", w.pairs)
	}
}
