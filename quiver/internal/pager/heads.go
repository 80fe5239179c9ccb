package pager

import (
	"errors"
	"slices"

	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// Head is the first page of a bucket, or format.NoPage.
func (p *Pager) Head(bucket uint32) uint64 { return (*p.heads.Load())[bucket] }

// Heads are the first pages of all buckets. The slice never changes.
func (p *Pager) Heads() []uint64 { return *p.heads.Load() }

// ProvideHeads gives every bucket of the list that has none an empty head page
// (R4): first the pages, as a group in the synced log, then the directory that
// names them. Whoever asks at the same time shares one directory.
func (p *Pager) ProvideHeads(buckets []uint32) error {
	p.wantMu.Lock()
	for _, b := range buckets {
		p.want[b] = struct{}{}
	}
	p.wantMu.Unlock()

	p.headsMu.Lock()
	defer p.headsMu.Unlock()
	p.wantMu.Lock()
	all := slices.Clone(buckets)
	for b := range p.want {
		all = append(all, b)
	}
	clear(p.want)
	p.wantMu.Unlock()

	slices.Sort(all)
	all = slices.DeleteFunc(slices.Compact(all), func(b uint32) bool { return p.Head(b) != format.NoPage })
	if len(all) == 0 {
		return nil
	}
	return p.provide(p.addHeads(all))
}

// addHeads adds buckets that nobody has asked for yet: as many pages as the
// directory's own size, so that filling a database writes the directory a
// bounded number of times its size.
func (p *Pager) addHeads(missing []uint32) []uint32 {
	more := int(format.DirSize(len(p.Heads()))) / p.o.PageSize
	asked := make(map[uint32]bool, len(missing))
	for _, b := range missing {
		asked[b] = true
	}
	for ; more > 0 && p.headsNext < len(p.Heads()); p.headsNext++ {
		b := uint32(p.headsNext)
		if p.Head(b) == format.NoPage && !asked[b] {
			missing = append(missing, b)
			more--
		}
	}
	return missing
}

func (p *Pager) provide(buckets []uint32) error {
	tx, err := p.Begin(true)
	if err != nil {
		return err
	}
	ids := make([]uint64, len(buckets))
	for i := range buckets {
		pg, data, err := tx.Alloc()
		if err != nil {
			return errors.Join(err, tx.Abort())
		}
		format.InitKV(data, pg.ID)
		ids[i] = pg.ID
	}
	if err := tx.Commit(true); err != nil {
		return err
	}
	heads := slices.Clone(p.Heads())
	for i, b := range buckets {
		heads[b] = ids[i]
	}
	if err := p.replace(format.DirName, format.EncodeDir(heads)); err != nil {
		if harmless(err) {
			// The old directory stands: nothing names the pages.
			p.mu.Lock()
			p.pool = append(p.pool, ids...)
			p.mu.Unlock()
		}
		return p.surface(err)
	}
	p.heads.Store(&heads)
	return nil
}
