package pager

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// Visible is the number of the last operation that readers see.
func (p *Pager) Visible() uint64 { return p.visible.Load() }

// ReadID returns the bytes of the page that a link named, as of s, as Read does.
func (p *Pager) ReadID(id, s uint64) ([]byte, error) {
	for {
		pg, err := p.lookup(id)
		if err != nil {
			return nil, err
		}
		data, err := p.Read(pg, s)
		if err != errLeftTable {
			return data, err
		}
	}
}

// errLeftTable: the page is not the one of its id any more, so what its segment
// holds now may be newer than any version that the page knew.
var errLeftTable = errors.New("page left the table")

// Read returns the bytes of a page as of s; they never change. It returns nil
// if the page did not exist then or that version is gone, which cannot happen
// to a pinned s.
func (p *Pager) Read(pg *Page, s uint64) ([]byte, error) {
	img, cold := pg.at(s)
	if cold {
		var err error
		if img, err = p.load(pg); err != nil {
			return nil, err
		}
		if img.seq > s {
			img, _ = pg.at(s)
		}
	}
	if img == nil {
		return nil, nil
	}
	if !pg.used.Load() {
		pg.used.Store(true)
	}
	return img.data, nil
}

// load reads a page that is only in its segment (or, for a reader of an unclean
// database, in the log), checks it and keeps it.
func (p *Pager) load(pg *Page) (*image, error) {
	pg.loading.Lock()
	defer pg.loading.Unlock()
	for {
		if img := pg.latest.Load(); img != nil {
			return img, nil
		}
		seq := pg.evicted.Load()
		data := make([]byte, p.o.PageSize)
		err := p.readPage(pg.ID, data)
		if !p.table.holds(pg) {
			return nil, errLeftTable
		}
		img := &image{data: data, seq: seq, logged: true}
		img.stored.Store(true)
		pg.swap.Lock()
		changed := pg.evicted.Load() != seq || pg.latest.Load() != nil
		if !changed && err == nil {
			img.lsn.Store(format.PageLSN(data))
			changed = !pg.latest.CompareAndSwap(nil, img)
		}
		pg.swap.Unlock()
		switch {
		case changed:
			// What was read may be an older image, or torn by the write of a newer one.
		case err != nil:
			return nil, err
		default:
			p.cache.add(pg, p.evict)
			return img, nil
		}
	}
}

// readPage reads and checks a page from the overlay or its segment. A page with
// a higher LSN than any known raises the counter (R6).
func (p *Pager) readPage(id uint64, buf []byte) error {
	p.diskReads.Add(1)
	if at, ok := p.overlay[id]; ok {
		if err := p.readImage(at, buf); err != nil {
			return p.ifClosed(err)
		}
	} else if err := p.segs.read(id, buf); err != nil {
		return p.ifClosed(err)
	}
	if err := p.verify(id, buf); err != nil {
		return p.ifClosed(err)
	}
	raise(&p.counter, format.PageLSN(buf))
	return nil
}

// ifClosed names the reason when a read failed because the handle was closed, or
// is being closed: files are cut back then.
func (p *Pager) ifClosed(err error) error {
	if p.closing.Load() || errors.Is(err, fs.ErrClosed) {
		return ErrClosed
	}
	return err
}

func (p *Pager) verify(id uint64, page []byte) error {
	err := format.VerifyPage(page, id)
	if err == nil && format.PageLSN(page) >= maxLSN {
		err = fmt.Errorf("lsn %d is out of range", format.PageLSN(page))
	}
	if err == nil {
		return nil
	}
	n, off := p.segs.place(id)
	reason := ""
	if format.IsZeroPage(page) {
		reason = "a link leads to a page that was never written"
	}
	return &CorruptionError{Path: p.segs.path(n), Page: id, Offset: off, Reason: reason, Err: err}
}
