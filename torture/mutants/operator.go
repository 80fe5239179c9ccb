package mutants

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
	"github.com/quiverdb/quiverdb-go/torture"
)

// Operator is an automatic mutant: something that one place in the code does to
// the disk goes wrong, every time.
//
// faultfs has both operators too (Site.Lie and Site.Swap), for a program that
// calls it directly. Here the process of the torture stands between, so the
// place is looked up, and the call kept back, in front of it.
type Operator struct {
	Swap bool // the call changes place with the next one that changes the disk; else it does nothing and returns nil
	Site Site
}

func (o Operator) String() string {
	if o.Swap {
		return "swap " + o.Site.String()
	}
	return "lie " + o.Site.String()
}

// ParseOperator reads what String wrote.
func ParseOperator(text string) (Operator, error) {
	verb, rest, _ := strings.Cut(text, " ")
	kind, place, ok := strings.Cut(rest, " ")
	o := Operator{Swap: verb == "swap", Site: Site{Kind: kind, Place: place}}
	if !ok || verb != "swap" && verb != "lie" {
		return o, fmt.Errorf("mutants: %q is not \"lie KIND PLACE\" or \"swap KIND PLACE\"", text)
	}
	return o, nil
}

// Operators are all that can be made of call sites: every sync lies, every call
// that changes the disk and whose caller can go on without its effect comes late.
func Operators(sites []Site) []Operator {
	var list []Operator
	for _, s := range sites {
		if strings.HasPrefix(s.Kind, "sync") {
			list = append(list, Operator{Site: s})
		}
		if s.kind() != 0 {
			list = append(list, Operator{Swap: true, Site: s})
		}
	}
	return list
}

// canWait are the kinds of calls that change the disk and give nothing back that
// the caller goes on with: all but those that make or open a file, and locks.
func canWait() []faultfs.Kind {
	return []faultfs.Kind{faultfs.KindWrite, faultfs.KindTruncate, faultfs.KindAllocate, faultfs.KindRename, faultfs.KindRemove,
		faultfs.KindMkdir, faultfs.KindSync, faultfs.KindSyncData, faultfs.KindSyncDir}
}

func kindName(k faultfs.Kind) string { return k.String() }

// Strike runs workloads with errors at the calls of the place, the mistake made.
func (o Operator) Strike(c torture.PartConfig, list []torture.Workload) {
	torture.ErrorsAt(c, list, o.Site.kind(), o.Site.called)
}

// Mutation puts the mistake between the engine and the disk.
func (o Operator) Mutation() torture.Mutation {
	return func(fsys vfs.FS) vfs.FS {
		return &mutated{FS: fsys, late: &late{}, decide: func(k faultfs.Kind) act {
			if kindName(k) != o.Site.Kind || placeOfCall() != o.Site.Place {
				return actDo
			}
			if o.Swap {
				return actLate
			}
			return actLie
		}}
	}
}

// act is what becomes of a call.
type act uint8

const (
	actDo act = iota
	actLie
	actLate
)

// late is a call that is made behind the next one that changes the disk. With
// the process it dies.
type late struct {
	mu   sync.Mutex
	held func() error
	file *mutatedFile // that it is a call of; nil for calls of names
}

// pass makes a call that changes the disk, and then the one that was late, whose
// error comes with it, as if the two had changed places in the source. A call
// that fails changes nothing, and is not the next one.
func (l *late) pass(call func() error) error {
	if err := call(); err != nil {
		return err
	}
	return l.make()
}

// make makes the call that was late.
func (l *late) make() error {
	l.mu.Lock()
	held := l.held
	l.held, l.file = nil, nil
	l.mu.Unlock()
	if held == nil {
		return nil
	}
	return held()
}

func (l *late) holds() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held != nil
}

// renamed follows the file of the late call.
func (l *late) renamed(from, to string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil && l.file.path == from {
		l.file.path = to
	}
}

func (l *late) hold(f *mutatedFile, call func() error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held, l.file = call, f
}

// mutated is a disk on which some calls go wrong.
type mutated struct {
	vfs.FS
	decide func(faultfs.Kind) act
	late   *late
}

// change makes a call, or not, or late.
func (m *mutated) change(k faultfs.Kind, f *mutatedFile, call func() error) error {
	switch m.decide(k) {
	case actLie:
		return nil
	case actLate:
		// Two of them in a row: the first has waited for the second.
		err := m.late.make()
		m.late.hold(f, call)
		return err
	}
	return m.late.pass(call)
}

func (m *mutated) OpenFile(path string, flag vfs.OpenFlag) (vfs.File, error) {
	var f vfs.File
	open := func() (err error) {
		f, err = m.FS.OpenFile(path, flag)
		return err
	}
	var err error
	if flag&(vfs.Create|vfs.Truncate) != 0 {
		m.decide(faultfs.KindCreate) // so that a recorder hears of it
	}
	if m.makes(path, flag) {
		err = m.late.pass(open)
	} else {
		err = open()
	}
	if err != nil {
		if f != nil {
			err = errors.Join(err, f.Close()) // the error is that of a late call
		}
		return nil, err
	}
	return &mutatedFile{File: f, m: m, path: path, write: flag & vfs.Write}, nil
}

// makes tells whether an open changes the disk. Only who holds a call back needs to
// know about a file that may be there: the look at it is a call more.
func (m *mutated) makes(path string, flag vfs.OpenFlag) bool {
	if flag&(vfs.Create|vfs.Truncate) != vfs.Create || flag&vfs.Exclusive != 0 || !m.late.holds() {
		return flag&(vfs.Create|vfs.Truncate) != 0
	}
	_, err := m.FS.Stat(path)
	return err != nil
}

func (m *mutated) Mkdir(path string) error {
	return m.change(faultfs.KindMkdir, nil, func() error { return m.FS.Mkdir(path) })
}

func (m *mutated) Remove(path string) error {
	return m.change(faultfs.KindRemove, nil, func() error { return m.FS.Remove(path) })
}

func (m *mutated) Rename(from, to string) error {
	return m.change(faultfs.KindRename, nil, func() error {
		err := m.FS.Rename(from, to)
		m.late.renamed(from, to)
		return err
	})
}

func (m *mutated) SyncDir(path string) error {
	return m.change(faultfs.KindSyncDir, nil, func() error { return m.FS.SyncDir(path) })
}

type mutatedFile struct {
	vfs.File
	m     *mutated
	path  string
	write vfs.OpenFlag // Write or nothing
}

func (f *mutatedFile) WriteAt(b []byte, off int64) (int, error) {
	n, made, data := 0, false, b
	err := f.m.change(faultfs.KindWrite, f, func() (err error) {
		made = true
		n, err = f.File.WriteAt(data, off)
		return err
	})
	if made || err != nil {
		return n, err
	}
	data = slices.Clone(b) // the caller may use its buffer again
	return len(b), nil
}

func (f *mutatedFile) Truncate(size int64) error {
	return f.m.change(faultfs.KindTruncate, f, func() error { return f.File.Truncate(size) })
}

func (f *mutatedFile) Allocate(off, length int64) error {
	return f.m.change(faultfs.KindAllocate, f, func() error { return f.File.Allocate(off, length) })
}

func (f *mutatedFile) Sync() error {
	return f.m.change(faultfs.KindSync, f, func() error { return f.File.Sync() })
}

func (f *mutatedFile) SyncData() error {
	return f.m.change(faultfs.KindSyncData, f, func() error { return f.File.SyncData() })
}

// Close leaves a late call of the file to a handle of its own.
func (f *mutatedFile) Close() error {
	l := f.m.late
	l.mu.Lock()
	if l.file == f {
		held := l.held
		l.held = func() error {
			again, err := f.m.FS.OpenFile(f.path, f.write)
			if errors.Is(err, fs.ErrNotExist) {
				return nil // the file is gone, and the call with it
			}
			if err != nil {
				return err
			}
			closed := f.File
			f.File = again
			err = held()
			f.File = closed
			return errors.Join(err, again.Close())
		}
	}
	l.mu.Unlock()
	return f.File.Close()
}
