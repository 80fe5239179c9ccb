package faultfs

import (
	"fmt"
	"strings"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// Call is a call about to be made.
type Call struct {
	Kind Kind // KindOpen also where the file will be created
	Path string
	To   string // rename: the new name
	Off  int64
	Len  int64 // bytes; truncate: the new size
}

// Record is one call in the log.
type Record struct {
	Seq int
	Call
	Start  int // the last call that was over when this one began
	Inode  int // what the call was about; 0 when it found nothing, and for the root
	Flag   vfs.OpenFlag
	N      int64  // bytes read or written
	Err    error  // what the call returned
	Fault  string // the fault that struck, "" if none
	Label  string // what Options.Label told when the call began
	Caller string // file:line, with Options.Callers
	Outer  string // file:line outside package vfs, where Caller is a helper there
	Note   string // KindNote: the text; KindTamper: what was done; else, of a call out of its place, whose

	acts []action
}

// Data is what a write has put into its file, nil for other calls. It must not
// be changed.
func (r *Record) Data() []byte {
	for _, a := range r.acts {
		if w, ok := a.(writeAct); ok {
			return w.data
		}
	}
	return nil
}

// Sum is a hash of Data, 0 where there is none.
func (r *Record) Sum() Digest {
	if data := r.Data(); len(data) > 0 {
		return Digest(hashBytes(data))
	}
	return 0
}

// String is one line: the number, the kind, names and places, a write with its
// Sum, then what came of it, who made the call and where.
func (r *Record) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %v", r.Seq, r.Kind)
	if r.Path != "" {
		b.WriteByte(' ')
		b.WriteString(r.Path)
	}
	if r.To != "" {
		fmt.Fprintf(&b, " -> %s", r.To)
	}
	switch r.Kind {
	case KindRead, KindWrite, KindAllocate:
		fmt.Fprintf(&b, " [%d,+%d)", r.Off, r.Len)
		if r.N != r.Len && r.Kind != KindAllocate {
			fmt.Fprintf(&b, " n=%d", r.N)
		}
	case KindTruncate:
		fmt.Fprintf(&b, " to %d", r.Len)
	}
	if sum := r.Sum(); sum != 0 {
		fmt.Fprintf(&b, " %v", sum)
	}
	b.WriteString(flagString(r.Flag))
	if r.Note != "" {
		fmt.Fprintf(&b, " %q", r.Note)
	}
	if r.Err != nil {
		fmt.Fprintf(&b, " => %v", r.Err)
	}
	if r.Fault != "" {
		fmt.Fprintf(&b, " {%s}", r.Fault)
	}
	if r.Label != "" {
		fmt.Fprintf(&b, " by %s", r.Label)
	}
	if r.Caller != "" {
		fmt.Fprintf(&b, " @%s", r.Caller)
	}
	return b.String()
}

func flagString(f vfs.OpenFlag) string {
	var s string
	for _, x := range []struct {
		bit  vfs.OpenFlag
		name string
	}{{vfs.Write, " +write"}, {vfs.Create, " +create"}, {vfs.Exclusive, " +exclusive"}, {vfs.Truncate, " +truncate"}} {
		if f&x.bit != 0 {
			s += x.name
		}
	}
	return s
}
