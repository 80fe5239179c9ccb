package faultfs

import (
	"bytes"
	"io"
	"io/fs"
	"math"
	"syscall"
)

// maxFile is the largest size of a file, so that a wild offset is an error and
// not a table of blocks that fills the memory.
const maxFile = 1 << 36

// file is an open file. closed is guarded by the FS.
type file struct {
	fs       *FS
	ino      ino
	path     string // clean, as it was opened
	writable bool
	closed   bool
}

// begin starts a call on the handle: it is logged even where the handle is
// closed, because such a call is a bug that tests look for.
func (h *file) begin(kind Kind, off, length int64) (op, error) {
	o, err := h.fs.begin(Call{Kind: kind, Path: h.path, Off: off, Len: length})
	if err == nil {
		o.rec.Inode = int(h.ino)
	}
	return o, err
}

// check refuses a call on a closed handle, and a changing one on a handle for
// reading; then faults strike.
func (h *file) check(o *op, changes bool, refusal syscall.Errno) error {
	switch {
	case h.closed:
		o.f.misuse.uses++
		return fs.ErrClosed
	case changes && !h.writable:
		return refusal
	}
	return o.arm()
}

func (h *file) ReadAt(p []byte, off int64) (int, error) {
	o, err := h.begin(KindRead, off, int64(len(p)))
	if err != nil {
		return 0, err
	}
	n, err := h.readAt(&o, p, off)
	o.rec.N = int64(n)
	if err == io.EOF {
		o.end(nil)
		return n, io.EOF
	}
	return n, o.end(err)
}

func (h *file) readAt(o *op, p []byte, off int64) (int, error) {
	if err := h.check(o, false, 0); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, syscall.EINVAL
	}
	if len(p) == 0 {
		return 0, o.struck()
	}
	d := h.fs.d
	n := d.live.get(h.ino)
	var eof error
	want := int64(len(p))
	if rest := n.size - off; want > rest {
		want, eof = max(rest, 0), io.EOF
	}
	if o.fault != nil {
		want, eof = o.cutRead(want, int64(len(p)), eof)
	}
	p = p[:want]
	n.read(d.mk, p, off)
	o.belie(h.ino, p, off)
	return int(want), eof
}

// cutRead is what a struck read of want available bytes returns instead.
func (o *op) cutRead(want, asked int64, eof error) (int64, error) {
	switch k := o.part(asked); o.effect() {
	case EffectAfter:
		return min(want, k), o.fault.errno()
	case EffectShort:
		if k < want {
			return k, nil
		}
	case EffectEOF:
		if k < want {
			return k, io.EOF
		}
	case EffectDone:
		return want, o.fault.errno()
	}
	return want, eof
}

func (h *file) WriteAt(p []byte, off int64) (int, error) {
	o, err := h.begin(KindWrite, off, int64(len(p)))
	if err != nil {
		return 0, err
	}
	n, err := h.writeAt(&o, p, off)
	o.rec.N = int64(n)
	return n, o.end(err)
}

func (h *file) writeAt(o *op, p []byte, off int64) (int, error) {
	if err := h.check(o, true, syscall.EBADF); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, syscall.EINVAL
	}
	if off > maxFile-int64(len(p)) {
		return 0, syscall.EFBIG
	}
	if n := len(p); o.fault != nil && o.evades(func(late *op) error {
		late.rec.N = int64(n)
		_, err := h.put(late, bytes.Clone(p), off)
		return err
	}) {
		return n, nil
	}
	k, err := int64(len(p)), o.struck()
	if o.fault != nil && o.fault.Effect.parted() {
		k = o.part(k)
	}
	n, full := h.put(o, bytes.Clone(p[:k]), off)
	if full != nil {
		err = full
	}
	return n, err
}

// put writes what there is room for; the disk keeps the bytes.
func (h *file) put(o *op, p []byte, off int64) (int, error) {
	if h.fs.d.live.get(h.ino) == nil {
		return 0, fs.ErrNotExist // closed and removed while the call waited
	}
	var err error
	if room := h.fs.room(h.ino, off, int64(len(p))); room < int64(len(p)) {
		p, err = p[:room], syscall.ENOSPC
	}
	if len(p) > 0 {
		h.fs.hush(h.ino, off, off+int64(len(p)))
		o.do(writeAct{ino: h.ino, off: off, data: p})
	}
	return len(p), err
}

func (h *file) Truncate(size int64) error {
	o, err := h.begin(KindTruncate, 0, size)
	if err != nil {
		return err
	}
	return o.end(h.truncate(&o, size))
}

func (h *file) truncate(o *op, size int64) error {
	if err := h.check(o, true, syscall.EINVAL); err != nil {
		return err
	}
	switch {
	case size < 0:
		return syscall.EINVAL
	case size > maxFile:
		return syscall.EFBIG
	}
	act := func(o *op) error {
		if n := h.fs.d.live.get(h.ino); n != nil && (n.size != size || n.will != size) {
			o.do(truncateAct{ino: h.ino, size: size})
		}
		return nil
	}
	if o.evades(act) {
		return nil
	}
	_ = act(o) // cannot fail
	return o.struck()
}

func (h *file) Allocate(off, length int64) error {
	o, err := h.begin(KindAllocate, off, length)
	if err != nil {
		return err
	}
	return o.end(h.allocate(&o, off, length))
}

func (h *file) allocate(o *op, off, length int64) error {
	if err := h.check(o, true, syscall.EBADF); err != nil {
		return err
	}
	switch {
	case off < 0 || length < 0 || off > math.MaxInt64-length:
		return syscall.EINVAL
	case off+length > maxFile:
		return syscall.EFBIG
	}
	if length == 0 {
		return o.struck()
	}
	if h.fs.room(h.ino, off, length) < length {
		return syscall.ENOSPC
	}
	act := func(o *op) error {
		if h.fs.d.live.get(h.ino) != nil {
			o.do(allocateAct{ino: h.ino, off: off, end: off + length})
		}
		return nil
	}
	if o.evades(act) {
		return nil
	}
	_ = act(o) // cannot fail
	return o.struck()
}

func (h *file) Size() (int64, error) {
	o, err := h.begin(KindSize, 0, 0)
	if err != nil {
		return 0, err
	}
	if err := h.check(&o, false, 0); err != nil {
		return 0, o.end(err)
	}
	if err := o.struck(); err != nil {
		return 0, o.end(err)
	}
	size := o.size(h.ino)
	return size, o.end(nil)
}

func (h *file) Sync() error { return h.sync(KindSync) }

func (h *file) SyncData() error { return h.sync(KindSyncData) }

func (h *file) sync(kind Kind) error {
	o, err := h.begin(kind, 0, 0)
	if err != nil {
		return err
	}
	if err := h.check(&o, false, 0); err != nil {
		return o.end(err)
	}
	return o.end(o.syncInode(h.ino))
}

// syncInode makes the atoms of an inode durable, in the way of the fault that
// strikes.
func (o *op) syncInode(i ino) error {
	n := o.f.d.live.get(i)
	if n == nil || o.fault != nil && o.evades(func(late *op) error { return late.syncInode(i) }) {
		return nil
	}
	act := syncAct{ino: i, upTo: o.start}
	late := n.late
	act.told = late != nil
	if fault := o.fault; fault != nil {
		act.effect, act.keep = fault.Effect, fault.keep()
		if fault.Effect == EffectF4 {
			act.late = fault.errno()
		}
	}
	if act.matters(o.f.d) {
		o.do(act)
	}
	switch {
	case late != nil:
		return late
	case act.late != nil:
		return nil
	}
	return o.struck()
}

func (h *file) Close() error {
	o, err := h.begin(KindClose, 0, 0)
	if err != nil {
		return err
	}
	if h.closed {
		o.f.misuse.closes++
		return o.end(fs.ErrClosed)
	}
	h.closed = true
	o.f.open--
	o.release(h.ino)
	if err := o.arm(); err != nil {
		return o.end(err)
	}
	return o.end(o.struck())
}
