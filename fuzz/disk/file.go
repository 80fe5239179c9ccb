package disk

import (
	"io"
	"io/fs"
	"math"
	"syscall"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// handle is an open file. What it has and its inode are guarded by the disk.
type handle struct {
	d        *Disk
	n        *inode
	name     string
	writable bool
	closed   bool
}

// check refuses a call on a closed handle, and a changing one on a handle for
// reading.
func (h *handle) check(op string, changes bool, refusal error) error {
	switch {
	case h.closed:
		return pathError(op, h.name, fs.ErrClosed)
	case changes && !h.writable:
		return pathError(op, h.name, refusal)
	}
	return nil
}

func (h *handle) ReadAt(p []byte, off int64) (int, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if err := h.check("read", false, nil); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, pathError("read", h.name, syscall.EINVAL)
	}
	want := int(max(0, min(int64(len(p)), h.n.size-off)))
	h.n.read(p[:want], off)
	if want < len(p) {
		return want, io.EOF
	}
	return want, nil
}

// read copies what stands at off; the caller has checked the range.
func (n *inode) read(p []byte, off int64) {
	for len(p) > 0 {
		k := copy(p, n.block(int(off / blockSize))[off%blockSize:])
		p, off = p[k:], off+int64(k)
	}
}

func (h *handle) WriteAt(p []byte, off int64) (int, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	err := h.check("write", true, syscall.EBADF)
	switch {
	case err != nil:
		return 0, err
	case off < 0:
		return 0, pathError("write", h.name, syscall.EINVAL)
	case off > maxSize-int64(len(p)):
		return 0, pathError("write", h.name, syscall.EFBIG)
	}
	n := h.d.write(h.n, p, off)
	if n < len(p) {
		err = pathError("write", h.name, syscall.ENOSPC)
	}
	return n, err
}

// write writes what there is room for.
func (d *Disk) write(n *inode, p []byte, off int64) (done int) {
	for done < len(p) {
		at := off + int64(done)
		i, in := int(at/blockSize), int(at%blockSize)
		n.reach(i + 1)
		c := &n.cells[i]
		switch {
		case c.data == nil && d.room == 0:
			return done
		case c.data == nil:
			d.room--
			fallthrough
		case !c.own:
			was := n.block(i)
			*c = cell{new([blockSize]byte), true}
			if in > 0 || len(p)-done < blockSize {
				*c.data = *was
			}
		}
		done += copy(c.data[in:], p[done:])
		n.size = max(n.size, off+int64(done))
	}
	return done
}

// reach makes the table of the blocks so long.
func (n *inode) reach(cells int) {
	if more := cells - len(n.cells); more > 0 {
		n.cells = append(n.cells, make([]cell, more)...)
	}
}

// cut drops what stands behind a size.
func (d *Disk) cut(n *inode, size int64) {
	keep := int((size + blockSize - 1) / blockSize)
	for i := keep; i < len(n.cells); i++ {
		if n.cells[i].data != nil {
			d.room++
		}
	}
	n.cells, n.size = n.cells[:min(keep, len(n.cells))], size
	tail := int(size % blockSize)
	if tail == 0 || keep != len(n.cells) || n.cells[keep-1].data == nil {
		return
	}
	c := &n.cells[keep-1]
	if !c.own {
		fresh := *c.data
		*c = cell{&fresh, true}
	}
	clear(c.data[tail:])
}

func (h *handle) Truncate(size int64) error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	err := h.check("truncate", true, syscall.EINVAL)
	switch {
	case err != nil:
		return err
	case size < 0:
		return pathError("truncate", h.name, syscall.EINVAL)
	case size > maxSize:
		return pathError("truncate", h.name, syscall.EFBIG)
	case size < h.n.size:
		h.d.cut(h.n, size)
	}
	h.n.size = size
	return nil
}

func (h *handle) Allocate(off, length int64) error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	err := h.check("allocate", true, syscall.EBADF)
	switch {
	case err != nil:
		return err
	case off < 0 || length < 0 || off > math.MaxInt64-length:
		return pathError("allocate", h.name, syscall.EINVAL)
	case length == 0:
		return nil
	case off+length > maxSize:
		return pathError("allocate", h.name, syscall.EFBIG)
	}
	first, end := int(off/blockSize), int((off+length+blockSize-1)/blockSize)
	missing := int64(end - first)
	for i := first; i < min(end, len(h.n.cells)); i++ {
		if h.n.cells[i].data != nil {
			missing--
		}
	}
	if missing > h.d.room {
		return pathError("allocate", h.name, syscall.ENOSPC)
	}
	h.d.room -= missing
	h.n.reach(end)
	for i := first; i < end; i++ {
		if h.n.cells[i].data == nil {
			h.n.cells[i].data = &zeroBlock
		}
	}
	h.n.size = max(h.n.size, off+length)
	return nil
}

func (h *handle) Size() (int64, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	return h.n.size, h.check("stat", false, nil)
}

func (h *handle) Sync() error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	return h.check("sync", false, nil)
}

func (h *handle) SyncData() error { return h.Sync() }

func (h *handle) Close() error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if err := h.check("close", false, nil); err != nil {
		return err
	}
	h.closed = true
	h.d.handles--
	h.n.handles--
	h.d.release(h.n)
	return nil
}

// holderBytes bounds what is told of a lock file, as on a real disk.
const holderBytes = 256

// Lock implements vfs.FS.
func (d *Disk) Lock(name string, exclusive bool) (vfs.Lock, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.open(clean(name), vfs.Write|vfs.Create)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	if n.exclusive || exclusive && n.shared > 0 {
		n.handles--
		text := make([]byte, min(n.size, holderBytes))
		n.read(text, 0)
		return nil, vfs.NewLockedError(name, text)
	}
	if n.exclusive = exclusive; !exclusive {
		n.shared++
	}
	d.locks++
	return &lock{handle{d: d, n: n, name: name}, exclusive}, nil
}

// lock is a held lock, a handle of a kind.
type lock struct {
	h         handle
	exclusive bool
}

func (l *lock) SetHolder(text string) error {
	d := l.h.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := l.h.check("setholder", false, nil); err != nil {
		return err
	}
	d.cut(l.h.n, 0)
	if d.write(l.h.n, []byte(text), 0) < len(text) {
		return pathError("setholder", l.h.name, syscall.ENOSPC)
	}
	return nil
}

func (l *lock) Close() error {
	d := l.h.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := l.h.check("close", false, nil); err != nil {
		return err
	}
	l.h.closed = true
	if l.exclusive {
		l.h.n.exclusive = false
	} else {
		l.h.n.shared--
	}
	d.locks--
	l.h.n.handles--
	d.release(l.h.n)
	return nil
}
