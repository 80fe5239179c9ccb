package torture

import (
	"cmp"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// SilentReport is what silent damage showed: of files that nobody has open, and
// of reads. Every answer must be the right value or a typed error, except for
// what no reader of these formats can see.
type SilentReport struct {
	Scenes     int            `json:"scenes"`
	Faults     int            `json:"silent_faults"`
	Kinds      map[string]int `json:"kinds"`      // faults by their kind
	Opens      int            `json:"opens"`      // judged: each through a reader, many through a writer too
	Right      int            `json:"right"`      // everything was right
	Refused    int            `json:"refused"`    // the open refused with a typed error
	Partly     int            `json:"partly"`     // some keys refused, the others were right
	Exceptions map[string]int `json:"exceptions"` // by reason
	Violations []Violation    `json:"violations"`
	Seconds    float64        `json:"seconds"`
}

// String is one line.
func (r SilentReport) String() string {
	n := 0
	var reasons []string
	for reason, times := range r.Exceptions {
		n += times
		reasons = append(reasons, fmt.Sprintf("%d %s", times, reason))
	}
	slices.Sort(reasons)
	return fmt.Sprintf("%d scenes, %d silent faults, %d opens: %d right, %d refused, %d partly refused, %d stated exceptions (%s): %d violations; %.1f s",
		r.Scenes, r.Faults, r.Opens, r.Right, r.Refused, r.Partly, n, strings.Join(reasons, "; "), len(r.Violations), r.Seconds)
}

// harm is what is done to a scene: silent changes of its files, and faults of
// the calls of who opens it.
type harm struct {
	damages []faultfs.Damage
	plan    faultfs.Plan
}

const silentToken = "silent1"

// token is "silent1;scene;damage & damage;faults".
func (h harm) token(s *scene) string {
	texts := make([]string, len(h.damages))
	for i, d := range h.damages {
		texts[i] = d.String()
	}
	return strings.Join([]string{silentToken, s.String(), strings.Join(texts, " & "), strings.ReplaceAll(h.plan.String(), " ", "")}, ";")
}

func replaySilent(token string, m Mutation) (string, []Violation, error) {
	parts := strings.Split(token, ";")
	if len(parts) != 4 {
		return "", nil, fmt.Errorf("torture: token %q is not %s;scene;damages;faults", token, silentToken)
	}
	var h harm
	for _, text := range strings.Split(parts[2], " & ") {
		if text == "" {
			continue
		}
		d, err := faultfs.ParseDamage(text)
		if err != nil {
			return "", nil, err
		}
		h.damages = append(h.damages, d)
	}
	plan, err := faultfs.ParsePlan(parts[3])
	if err != nil {
		return "", nil, err
	}
	h.plan = plan
	var b bases
	s, err := b.scene(parts[1])
	if err != nil {
		return "", nil, err
	}
	t := &silentTier{crew: newCrew(PartConfig{Mutate: m})}
	t.report.clear()
	t.try(s, h, true)
	return fmt.Sprintf("%v\n", t.report), t.violations(), nil
}

type silentTier struct {
	*crew
	bases  bases
	report SilentReport
}

func (r *SilentReport) clear() { r.Kinds, r.Exceptions = map[string]int{}, map[string]int{} }

// Silent runs the tier. Share tries every Share-th damage of a scene, from that of the seed on. A third of
// them is judged through a writer too, with a negative Depth all are. With a
// Duration drawn scenes follow those of the tier.
func Silent(c PartConfig) SilentReport {
	t := &silentTier{crew: newCrew(c)}
	t.report.clear()
	t.do(t.jobs(silentScenes()))
	rng := rand.New(rand.NewPCG(t.c.Seed, 3))
	t.do(func(yield func(func()) bool) {
		for t.seconds() < t.c.Duration.Seconds() {
			w, end := randomWorkload(rng), sceneClosed
			if rng.IntN(3) > 0 {
				end = sceneKilled
			}
			if w.Start == edgeStart {
				continue // its files have too many sectors
			}
			if !yield(t.slice(w.String()+"|"+end, max(t.c.Share, drawnShare), 0, 1)) {
				return
			}
		}
	})
	t.report.Violations, t.report.Seconds = t.violations(), t.seconds()
	return t.report
}

// silentScenes are databases with chains, long values, free pages, logs that
// hold what the segments do not and logs that they have already, groups of
// several pages, a stale generation behind the live one, kept snapshots, and two
// segments.
func silentScenes() []string {
	list := append(keptScenes(), backupScene)
	add := func(start, end string, fsync bool, log int, ops ...Op) {
		k := DefaultKnobs()
		k.Buckets, k.DataFsync, k.LogKiB, k.ChunkKiB = 2, fsync, log, log
		list = append(list, Workload{k, start, ops}.String()+"|"+end)
	}
	x, y := keyIn(0, 0, 2), keyIn(1, 31, 2)
	batch := Op{Kind: OpBatch, Changes: []Change{{Key: x, Size: 200}, {Key: y, Size: 6000}, {Key: keyIn(0, 1, 2), Delete: true}}}
	noSync := Op{Kind: OpNoSync, Changes: []Change{{Key: x, Size: 30}, {Key: y, Size: 40}}}
	some := []Op{put(x, 300), del(keyIn(0, 2, 2)), put(keyIn(0, 3, 2), 700), batch, noSync, put(y, 50)}
	add("free", sceneClosed, true, 48, some...)
	add("chain", sceneKilled, false, 96, some...)
	add("chain", sceneKilled, true, 96, some...)
	// Two generations: the log is full once before the end.
	add("free", sceneKilled, false, 24, append(some, put(x, 310), batch)...)
	add("empty", sceneKilled, false, 48, put(x, 40))
	add("empty", sceneClosed, true, 24)
	add("dirty", sceneKilled, true, 48, put(keyIn(0, 8, 2), 40), Op{Kind: OpKill}, put(y, 30), put(x, 30))
	// Values of one page of their own each, of which only its number tells whose it is.
	long := []Op{put(x, 4000), put(y, 4000), put(keyIn(0, 1, 2), 4000), put(keyIn(1, 1, 2), 9000)}
	add(edgeStart, sceneClosed, true, 96, long...)
	add(edgeStart, sceneKilled, false, 96, append(long, Op{Kind: OpReopen}, put(x, 30))...)
	return list
}

func (t *silentTier) jobs(list []string) iter.Seq[func()] {
	return func(yield func(func()) bool) {
		for _, name := range list {
			// A scene is long work for one worker: each takes every n-th case.
			for part := range sceneParts {
				if !yield(t.slice(name, t.c.Share, part, sceneParts)) {
					return
				}
			}
		}
	}
}

// sceneParts is into how many jobs the long work on a scene is cut. How many
// workers there are must not decide what is tried.
const sceneParts = 4

// drawnShare is how few of the damages of a drawn scene are tried: many scenes
// show more.
const drawnShare = 101

// slice tries the part-th of so many parts of what is done to a scene; one part
// alone is of a drawn scene and ends with the time.
func (t *silentTier) slice(name string, share, part, parts int) func() {
	return func() {
		s, err := t.bases.scene(name)
		if err != nil {
			t.keep([]Violation{{Rule: "scene", Text: err.Error(), Token: harm{}.token(&scene{name: name})}}, nil)
			return
		}
		if part == 0 {
			t.keep(nil, func() { t.report.Scenes++ })
		}
		writers, n := 3, 0
		if t.c.Depth < 0 {
			writers = 1
		}
		for h := range t.harms(s) {
			if n++; n%share != int(t.c.Seed%uint64(share)) || n/share%parts != part {
				continue
			}
			t.try(s, h, n/share%writers == 0)
			if t.full() || parts == 1 && t.seconds() > t.c.Duration.Seconds() {
				return
			}
		}
	}
}

// harms are all single damages, all reads with a flipped bit, and drawn pairs of
// damages.
func (t *silentTier) harms(s *scene) iter.Seq[harm] {
	return func(yield func(harm) bool) {
		var all []faultfs.Damage
		for d := range s.catalogue() {
			all = append(all, d)
			if !yield(harm{damages: []faultfs.Damage{d}}) {
				return
			}
		}
		if s.w.Start == edgeStart {
			return
		}
		for f := range s.readFlips() {
			if !yield(harm{plan: faultfs.Plan{f}}) {
				return
			}
		}
		rng := rand.New(rand.NewPCG(t.c.Seed, 4))
		for range len(all) / 10 {
			a, b := all[rng.IntN(len(all))], all[rng.IntN(len(all))]
			if cmp.Compare(a.Path, b.Path) == 0 || unbelievable(a, b) || unbelievable(b, a) {
				continue
			}
			if !yield(harm{damages: []faultfs.Damage{a, b}}) {
				return
			}
		}
	}
}

// unbelievable are pairs after which nothing is proved: the meta has no
// checksum, and only it and the log together tell what is live.
func unbelievable(a, b faultfs.Damage) bool {
	return faultfs.ClassOf(a.Path) == faultfs.ClassMeta && faultfs.ClassOf(b.Path) == faultfs.ClassWAL
}

// flipBits are the bits of a read that are flipped, one at a time.
var flipBits = []int64{0, 77, 200, 333, 8 * 63, 8 * 1000, 8*4095 + 7}

// readFlips flip bits of every read that opening, reading and closing makes.
func (s *scene) readFlips() iter.Seq[faultfs.Fault] {
	return func(yield func(faultfs.Fault) bool) {
		disk := s.disk.Snapshot()
		before := disk.Count(faultfs.KindRead, 0)
		j := judge{s: s, disk: disk}
		if _, err := j.run(); err != nil {
			return // the harm that does nothing tells it
		}
		for n := range disk.Count(faultfs.KindRead, 0) - before {
			for _, bit := range flipBits {
				if !yield(faultfs.Fault{Kind: faultfs.KindRead, N: n + 1, Effect: faultfs.EffectFlip, Bytes: bit}) {
					return
				}
			}
		}
	}
}
