package main

import (
	"errors"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/quiverdb/quiverdb-go/torture"
	"github.com/quiverdb/quiverdb-go/torture/mutants"
)

// parts are what the judges of package torture can try.
func parts() map[string]func(*job) {
	return map[string]func(*job){
		"crashes":    crashes,
		"errors":     func(j *job) { j.finer(func(c torture.PartConfig) { torture.Errors(c) }) },
		"silent":     func(j *job) { j.finer(func(c torture.PartConfig) { torture.Silent(c) }) },
		"aimed":      aimed,
		"kept":       kept,
		"concurrent": func(j *job) { j.finer(func(c torture.PartConfig) { torture.Histories(c, 1000) }) },
	}
}

// strata is how many rounds the tasks are dealt to. Tasks that stand beside each
// other are alike: a round has some of every kind.
const strata = 24

// never is for the clock of package torture: this program has one of its own,
// which a busy machine does not hurry.
const never = time.Hour

func crashes(j *job) {
	if len(j.cases) > 0 {
		for _, c := range j.cases {
			j.one(c)
		}
		return
	}
	j.run(j.round, func(t torture.Task) bool {
		if j.match != "" {
			return strings.Contains(t.Workload.String(), j.match)
		}
		return inRound(t, j.round)
	})
}

// inRound tells whether a task belongs to a round.
func inRound(t torture.Task, round int) bool {
	text := opsOf(t)
	// Snapshots make tasks long: every second round is without those of a process.
	return stratum(t.Workload.Start+text) == round%strata && (round%2 == 1 || t.Workload.Knobs.Keep > 0 || !strings.Contains(text, "snap"))
}

// tiers are those with phrases alone. Which comes first turns with the rounds, so
// that each has its turn where time is short.
func tiers(round int) []torture.Tier {
	list := []torture.Tier{torture.Exhaustive, torture.Snapshots, torture.Backups}
	n := round % len(list)
	return slices.Concat(list[n:], list[:n])
}

func (j *job) run(seed int, only func(torture.Task) bool) {
	for _, t := range tiers(seed) {
		torture.Run(torture.Config{Tier: t, Knobs: 1, Seed: uint64(seed), Workers: 1, Limit: 1000, NoShrink: true,
			Hang: never, Plain: j.plain, Begin: j.begin, Mutate: j.mutate, Found: j.found, Only: func(t torture.Task) bool { return !t.Bounded && only(t) }})
	}
}

// one runs the task of a case, "seed workload".
func (j *job) one(name string) {
	seed, workload, _ := strings.Cut(name, " ")
	n, err := strconv.Atoi(seed)
	if err != nil {
		panic(err) // a case is made by this program
	}
	j.run(n, func(t torture.Task) bool { return t.Workload.String() == workload })
}

// record runs the tasks of a round, so that the recorder can tell which of them
// comes by a site: all of them, where nothing but the runs is asked for.
func (j *job) record(rec *mutants.Recorder) {
	j.begin = func(t *torture.Task) {
		if t == nil {
			rec.Begin("")
		} else {
			rec.Begin(strconv.Itoa(j.round) + " " + t.Workload.String())
		}
	}
	j.run(j.round, func(t torture.Task) bool { return j.plain || inRound(t, j.round) })
}

// aimed are errors of the calls that an operator is about.
func aimed(j *job) {
	var list []torture.Workload
	for _, c := range j.cases {
		_, text, _ := strings.Cut(c, " ")
		w, err := torture.ParseWorkload(text)
		if err != nil {
			panic(err) // a case is made by this program
		}
		list = append(list, w)
	}
	j.op.Strike(j.part(), list)
}

// kept are the cases that were bugs once: the mistakes that people make lie near.
func kept(j *job) {
	files, err := filepath.Glob(filepath.Join("torture", "testdata", "*.token"))
	if err == nil && len(files) == 0 {
		err = errors.New("no tokens are kept in torture/testdata")
	}
	var tokens []string
	for _, file := range files {
		text, e := os.ReadFile(file)
		err = errors.Join(err, e)
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				tokens = append(tokens, line)
			}
		}
	}
	if err == nil {
		_, err = torture.Again(j.part(), tokens)
	}
	if err != nil {
		panic(err) // the exam does not run in the module's folder
	}
}

func opsOf(t torture.Task) string {
	var words []string
	for _, o := range t.Workload.Ops {
		words = append(words, o.String())
	}
	return strings.Join(words, " ")
}

func stratum(text string) int {
	h := fnv.New32a()
	_, _ = io.WriteString(h, text)
	return int(h.Sum32() % strata)
}

// finer tries few of the cases of a part, then more of them, then all.
func (j *job) finer(part func(torture.PartConfig)) {
	for share := 81; share > 0; share /= 3 {
		c := j.part()
		c.Share, c.Sample, c.Match, c.Seed = share, true, j.match, uint64(j.round)+1
		part(c)
	}
}

func (j *job) part() torture.PartConfig {
	return torture.PartConfig{Workers: 1, Limit: 1000, Hang: never, NoShrink: true, Mutate: j.mutate, Found: j.found}
}
