package mutants

import (
	"cmp"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
	"github.com/quiverdb/quiverdb-go/torture"
)

// Site is a place in the engine that calls the disk: the line, and the lines
// that lead there. A helper that many use is a site for each of its users.
type Site struct {
	Kind  string `json:"kind"`          // as in faultfs: sync, syncdata, syncdir, rename, …
	Place string `json:"place"`         // pager.replaceOnce:90<pager.replaceLocked:54<…, innermost first
	Nth   int    `json:"nth,omitempty"` // of the sites with the same key, in the order of their lines; 0 where there is one
	Calls int    `json:"calls"`         // seen by a recorder
	// Cases are a few of those that came by, in the words of the recorder's user.
	Cases []string `json:"cases,omitempty"`
}

func (s Site) String() string { return s.Kind + " " + s.Place }

const (
	modulePath = "github.com/quiverdb/quiverdb-go/"
	enginePath = modulePath + "quiver/"
)

// mostFrames is how many frames a place has at most.
const mostFrames = 5

// isStep tells whether a function of the engine is a step of its own, in the
// order of which the promises lie: whoever called it makes no other place.
func isStep(function string) bool {
	return slices.Contains([]string{"writeGroup", "makeRoom", "checkpoint", "finishSession", "recover", "renewFiles",
		"reserveIDs", "takeListed", "startSession", "Finish", "provide", "makeFiles", "makeRoot", "openLog",
		"writeFrames", "append", "prepare", "makeDurable", "mend", "repair", "remove"}, function)
}

// placeOfCall is the place in the engine from which the disk is being called:
// the frames from the call outwards to a step of the engine.
func placeOfCall() string {
	var pcs [24]uintptr
	n := runtime.Callers(3, pcs[:])
	frames := runtime.CallersFrames(pcs[:n])
	var place []string
	for more := true; more && len(place) < mostFrames; {
		var f runtime.Frame
		f, more = frames.Next()
		if !strings.HasPrefix(f.Function, enginePath) {
			if len(place) > 0 {
				break
			}
			continue // of this package and the recorder
		}
		pkg, function := frameName(f)
		place = append(place, pkg+"."+function+":"+strconv.Itoa(f.Line))
		if isStep(function) {
			break
		}
	}
	return strings.Join(place, "<")
}

// frameName is the package and the function or method of a frame.
func frameName(f runtime.Frame) (pkg, function string) {
	name := f.Function[strings.LastIndexByte(f.Function, '/')+1:]
	pkg, function, _ = strings.Cut(name, ".")
	if _, method, ok := strings.Cut(function, ")."); ok {
		function = method // without the receiver
	}
	return pkg, function
}

var lineNumber = regexp.MustCompile(`:[0-9]+`)

// Key is the site without line numbers, which every change of a file moves. Where
// that is the same for several, " #1" and so on tell them apart.
func (s Site) Key() string {
	key := s.Kind + " " + lineNumber.ReplaceAllString(s.Place, "")
	if s.Nth > 0 {
		key += " #" + strconv.Itoa(s.Nth)
	}
	return key
}

// number gives sites of one key their numbers.
func number(sites []Site) {
	same := map[string][]*Site{}
	for i := range sites {
		sites[i].Nth = 0
		same[sites[i].Key()] = append(same[sites[i].Key()], &sites[i])
	}
	for _, list := range same {
		if len(list) < 2 {
			continue
		}
		slices.SortFunc(list, func(a, b *Site) int { return slices.Compare(a.lines(), b.lines()) })
		for i, s := range list {
			s.Nth = i + 1
		}
	}
}

// lines are the numbers of the place's lines, outermost first.
func (s Site) lines() []int {
	var list []int
	for _, n := range lineNumber.FindAllString(s.Place, -1) {
		line, _ := strconv.Atoi(n[1:]) // digits
		list = append(list, line)
	}
	slices.Reverse(list)
	return list
}

// kind is that of the site's calls, as package faultfs has it.
func (s Site) kind() faultfs.Kind {
	for _, k := range canWait() {
		if kindName(k) == s.Kind {
			return k
		}
	}
	return 0
}

// called tells whether the caller is at the site.
func (s Site) called() bool { return placeOfCall() == s.Place }

// Recorder notes the call sites that it meets.
type Recorder struct {
	mu    sync.Mutex
	now   string // the case that runs
	sites map[string]*Site
}

// mostCases is how many cases of a site a recorder tells of.
const mostCases = 24

// NewRecorder makes an empty one.
func NewRecorder() *Recorder { return &Recorder{sites: map[string]*Site{}} }

// Begin names the case to which the next calls belong; "" is none.
func (r *Recorder) Begin(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = name
}

// Mutation changes nothing.
func (r *Recorder) Mutation() torture.Mutation {
	return func(fsys vfs.FS) vfs.FS {
		return &mutated{FS: fsys, late: &late{}, decide: func(k faultfs.Kind) act {
			r.note(Site{Kind: kindName(k), Place: placeOfCall()})
			return actDo
		}}
	}
}

func (r *Recorder) note(s Site) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.sites[s.String()]
	if at == nil {
		at = &s
		r.sites[s.String()] = at
	}
	at.Calls++
	if n := len(at.Cases); r.now != "" && (n == 0 || at.Cases[n-1] != r.now) {
		at.Cases = append(at.Cases, r.now)
	}
}

// Sites are those it has met, sorted.
func (r *Recorder) Sites() []Site {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []Site
	for _, s := range r.sites {
		site := *s
		site.Cases = spread(s.Cases, mostCases)
		list = append(list, site)
	}
	slices.SortFunc(list, compareSites)
	return list
}

// spread picks n of a list, evenly: those that stand beside each other are alike.
func spread(list []string, n int) []string {
	n = min(n, len(list))
	picked := make([]string, n)
	for i := range picked {
		picked[i] = list[i*len(list)/n]
	}
	return picked
}

func compareSites(a, b Site) int {
	return cmp.Or(cmp.Compare(a.Place, b.Place), cmp.Compare(a.Kind, b.Kind))
}
