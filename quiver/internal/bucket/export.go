package bucket

import (
	"context"
	"errors"

	"github.com/quiverdb/quiverdb-go/quiver/format"
	"github.com/quiverdb/quiverdb-go/quiver/internal/pager"
)

// Export visits the pages of the snapshot by id: all below its limit, or with
// since those that changed after that LSN. A page that no link leads to may be
// unreadable, or never have been written: it is visited as zeros with the
// snapshot's LSN, in a full export. One that a link leads to fails the export.
// done is told how many ids are.
func (v *Snapshot) Export(ctx context.Context, since *uint64, done func(ids int64), visit func(pager.Frozen) error) error {
	absent, linked := newBitset(v.sn.Limit()), newBitset(v.sn.Limit())
	doubt := false
	for _, head := range v.sn.Heads() {
		markLink(linked, v.sn.Limit(), head)
	}
	zeros := make([]byte, v.s.pg.PageSize())
	err := v.sn.Export(func(id uint64, page pager.Frozen, ok bool, err error) error {
		done(int64(id))
		if err == nil || errors.Is(err, pager.ErrCorrupt) {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		if !ok {
			absent.add(id)
			page = pager.Frozen{PageID: id, LSN: v.sn.LSN(), Page: zeros}
		} else {
			doubt = !v.markLinks(linked, page.Page) || doubt
		}
		if since != nil && (!ok || page.LSN <= *since) {
			return nil
		}
		return visit(page)
	})
	if err != nil {
		return err
	}
	for i, word := range absent {
		doubt = doubt || word&linked[i] != 0
	}
	if doubt {
		// A page that is not there, or not readable, seems to be needed; but the
		// link may stand in a page that nothing leads to. Walking tells.
		return v.s.markSnapshot(ctx, v.sn, func(uint64) {}, func() {}, func(err error) error { return err })
	}
	return nil
}

// markLinks marks the pages that a page leads to; false if it cannot tell.
func (v *Snapshot) markLinks(linked bitset, page []byte) bool {
	markLink(linked, v.sn.Limit(), format.NextPage(page))
	if format.PageType(page) != format.TypeKV {
		return true
	}
	kv, err := v.s.kv(format.PageID(page), page)
	if err != nil {
		return false
	}
	for _, stored := range kv.All() {
		if _, head, ok := format.DecodePlaceholder(stored); ok {
			markLink(linked, v.sn.Limit(), head)
		}
	}
	return true
}

func markLink(linked bitset, limit, id uint64) {
	if id < limit {
		linked.add(id)
	}
}
