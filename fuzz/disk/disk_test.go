package disk

import (
	"bytes"
	"errors"
	"syscall"
	"testing"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
	"github.com/quiverdb/quiverdb-go/quiver/vfs/vfstest"
)

func TestConformance(t *testing.T) {
	vfstest.Run(t, func(t *testing.T) (vfs.FS, string) {
		d := New(1 << 30)
		must(t, d.Mkdir("/root"))
		return d, "/root"
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, d *Disk, name string) vfs.File {
	t.Helper()
	f, err := d.OpenFile(name, vfs.Write|vfs.Create)
	must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func text(n int) []byte { return bytes.Repeat([]byte("text of a file; "), n/16+1)[:n] }

// TestShared: no way of changing a disk reaches a copy of it, or the bytes that it
// was made of.
func TestShared(t *testing.T) {
	for name, change := range map[string]func(f vfs.File) error{
		"a byte":         func(f vfs.File) error { _, err := f.WriteAt([]byte{0}, 5000); return err },
		"a block":        func(f vfs.File) error { _, err := f.WriteAt(make([]byte, blockSize), blockSize); return err },
		"bytes behind":   func(f vfs.File) error { _, err := f.WriteAt([]byte("more"), 10000); return err },
		"a cut":          func(f vfs.File) error { return f.Truncate(5000) },
		"cut at a block": func(f vfs.File) error { return f.Truncate(blockSize) },
		"growth":         func(f vfs.File) error { return f.Truncate(1 << 20) },
		"room":           func(f vfs.File) error { return f.Allocate(0, 1<<20) },
		"bytes after room": func(f vfs.File) error {
			_, err := f.WriteAt([]byte{1}, 1<<20)
			return errors.Join(f.Allocate(0, 2<<20), err)
		},
	} {
		t.Run(name, func(t *testing.T) { checkShared(t, change) })
	}
}

func checkShared(t *testing.T, change func(f vfs.File) error) {
	t.Helper()
	content := text(10000)
	given, written := New(1<<30), New(1<<30)
	given.SetFile("/f", content)
	_, err := open(t, written, "/f").WriteAt(content, 0)
	must(t, err)
	for _, d := range []*Disk{given, written} {
		first := d.Clone()
		must(t, change(open(t, d, "/f")))
		if d.Same(first, "") || first.Same(d, "") || !d.Same(first, "/f") {
			t.Error("the change does not show")
		}
		second := d.Clone()
		must(t, change(open(t, first, "/f")))
		if !d.Same(first, "") || !d.Same(second, "") {
			t.Error("the same change of a copy makes another disk")
		}
		must(t, open(t, second, "/f").Truncate(1))
		if d.Same(second, "") || !d.Same(first, "") {
			t.Error("the change of a copy reaches the disk")
		}
	}
	if !bytes.Equal(content, text(10000)) {
		t.Error("the bytes that the disk was made of have changed")
	}
}

// TestSame: names and kinds count as bytes do.
func TestSame(t *testing.T) {
	for name, change := range map[string]func(d *Disk) error{
		"a new name":  func(d *Disk) error { return d.Mkdir("/new") },
		"a lost name": func(d *Disk) error { return d.Remove("/f") },
		"another":     func(d *Disk) error { return d.Rename("/f", "/g") },
		"a directory": func(d *Disk) error { return errors.Join(d.Remove("/f"), d.Mkdir("/f")) },
	} {
		d := New(1 << 20)
		d.SetFile("/f", nil)
		o := d.Clone()
		must(t, change(o))
		if d.Same(o, "") || o.Same(d, "") {
			t.Errorf("%s does not show", name)
		}
	}
}

// TestRoom: data and reserved room count in whole blocks, holes do not, and what
// nothing refers to gives its room back.
func TestRoom(t *testing.T) {
	d := New(4 * blockSize)
	full := func(f vfs.File, free int) {
		t.Helper()
		if d.room != int64(free) {
			t.Fatalf("%d blocks are free, not %d", d.room, free)
		}
		if err := f.Allocate(1<<20, int64(free+1)*blockSize); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("more room than there is: %v", err)
		}
	}
	f := open(t, d, "/f")
	must(t, f.Truncate(1<<30))
	full(f, 4)
	must(t, f.Allocate(0, 2*blockSize))
	full(f, 2)
	n, err := f.WriteAt(make([]byte, 5*blockSize), 1)
	if n != 4*blockSize-1 || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("%d bytes written, %v", n, err)
	}
	full(f, 0)
	must(t, f.Truncate(blockSize+1))
	full(f, 2)
	must(t, d.Remove("/f"))
	full(f, 2)
	if d.Open() != 1 {
		t.Fatalf("%d files are open", d.Open())
	}
	c := d.Clone()
	must(t, f.Close())
	if d.room != 4 || c.room != 4 || d.Open()+c.Open() != 0 {
		t.Fatalf("%d and %d blocks are free when nothing is there", d.room, c.room)
	}
}
