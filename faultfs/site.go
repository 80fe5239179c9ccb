package faultfs

import (
	"cmp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

const (
	packagePrefix = "github.com/quiverdb/quiverdb-go/faultfs."
	helperPrefix  = "github.com/quiverdb/quiverdb-go/quiver/vfs."
)

// stack is what identifies a place in the code: return addresses.
type stack [12]uintptr

// codePlace is a stack in words.
type codePlace struct{ caller, outer string }

// where finds the innermost call from outside this package, as
// directory/file:line, and where that is one of the helpers of package vfs the
// innermost one outside that too. The FS is locked.
func (f *FS) where() (caller, outer string) {
	var s stack
	runtime.Callers(3, s[:])
	if known, ok := f.places[s]; ok {
		return known.caller, known.outer
	}
	frames := runtime.CallersFrames(s[:])
	for more := true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		switch {
		case frame.File == "" || within(frame, packagePrefix):
			continue
		case caller == "":
			if caller = fileLine(frame); within(frame, helperPrefix) {
				continue
			}
		case within(frame, helperPrefix):
			continue
		default:
			outer = fileLine(frame)
		}
		break
	}
	if f.places == nil {
		f.places = map[stack]codePlace{}
	}
	f.places[s] = codePlace{caller, outer}
	return caller, outer
}

// within tells whether a frame is in a package, tests left out.
func within(f runtime.Frame, prefix string) bool {
	return strings.HasPrefix(f.Function, prefix) && !strings.HasSuffix(f.File, "_test.go")
}

func fileLine(f runtime.Frame) string {
	file := f.File
	if i := strings.LastIndexByte(file, '/'); i > 0 {
		file = file[strings.LastIndexByte(file[:i], '/')+1:]
	}
	return file + ":" + strconv.Itoa(f.Line)
}

// Place is where in the code the call was made: Caller, followed by "<" and
// Outer when it came through a helper.
func (r *Record) Place() string {
	if r.Outer == "" {
		return r.Caller
	}
	return r.Caller + "<" + r.Outer
}

// Site is a place in the code that makes calls of one kind.
type Site struct {
	Place   string // see Record.Place
	Kind    Kind
	Classes Class // of the paths it was seen on
	Calls   int
}

// Sites lists the places that made the calls of the log, sorted. They are
// known where Options.Callers was set.
func (l *Log) Sites() []Site {
	type key struct {
		place string
		kind  Kind
	}
	at := map[key]int{}
	var list []Site
	for _, r := range l.records {
		if r.Caller == "" || r.Kind&(KindNote|KindTamper) != 0 {
			continue
		}
		k := key{r.Place(), r.Kind}
		i, known := at[k]
		if !known {
			i = len(list)
			at[k] = i
			list = append(list, Site{Place: k.place, Kind: k.kind})
		}
		list[i].Calls++
		list[i].Classes |= ClassOf(r.Path)
	}
	slices.SortFunc(list, func(a, b Site) int {
		return cmp.Or(cmp.Compare(a.Place, b.Place), cmp.Compare(a.Kind, b.Kind))
	})
	return list
}

// Lie is the mutant in which every call of the site returns nil without effect.
func (s Site) Lie() Fault {
	return Fault{Kind: s.Kind, Site: s.Place, Sticky: true, Effect: EffectLie}
}

// Swap is the mutant in which every call of the site changes place with the
// next one that can change the disk.
func (s Site) Swap() Fault {
	return Fault{Kind: s.Kind, Site: s.Place, Sticky: true, Effect: EffectSwap}
}

// Mutants lists what the two automatic operators make of a run: each site that
// syncs lies, and each site whose calls can wait changes place with the next.
// Creating calls cannot wait, because their caller goes on with the handle.
func (l *Log) Mutants() Plan {
	var p Plan
	for _, s := range l.Sites() {
		if s.Kind&KindFsync != 0 {
			p = append(p, s.Lie())
		}
		if s.Kind&kindDelayable != 0 {
			p = append(p, s.Swap())
		}
	}
	return p
}
