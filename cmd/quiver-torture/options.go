package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/quiverdb/quiverdb-go/torture"
)

// options are the flags as they were given.
type options struct {
	tiers    []tier
	seed     uint64
	duration time.Duration
	share    int
	knobs    int
	depth    int
	profile  string
	workers  int
	limit    int
	match    string
	bar      bool
	distinct int

	replay string
	times  int

	mutants bool
	only    []string
	full    bool

	json       bool
	report     string
	cpuProfile string
}

// defaultTier is what runs when no flag names anything.
const defaultTier = "exhaustive"

// raw are the flags whose texts are taken apart after parsing.
type raw struct{ tier, only string }

func (o *options) flags(r *raw) *flag.FlagSet {
	f := flag.NewFlagSet("quiver-torture", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&r.tier, "tier", defaultTier, "what is tried: `names` with commas between them")
	f.Uint64Var(&o.seed, "seed", 1, "`number` that everything drawn comes from")
	f.DurationVar(&o.duration, "duration", 0, "go on with drawn cases for this `time`, such as 10m; 0 = the tier itself, once (not of errors, which draw nothing)")
	f.IntVar(&o.share, "share", 1, "do every so many-th case only, a `number`, from seed modulo it on: seeds 0 to N-1 do all; of histories and real: so many times fewer")
	f.IntVar(&o.knobs, "knobs", 0, "combinations of options for each workload: a `number`; 0 = as many as the tier wants")
	f.IntVar(&o.depth, "depth", 0, "of errors: a `number` of calls that each error is tried at; negative = all, and of silent: a writer judges everything too")
	f.StringVar(&o.profile, "profile", "", "what a power cut may leave: `name` of a legality profile, such as posix, ext4ish, garbage=7")
	f.IntVar(&o.workers, "workers", 0, "cases at a time: a `number`; 0 = one for each processor")
	f.IntVar(&o.limit, "limit", 20, "end after this `number` of violations")
	f.StringVar(&o.match, "match", "", "try only workloads whose `text` this is a part of")
	f.BoolVar(&o.bar, "bar", false, "fail too where something is left out: coverage below 100 %, a history without a verdict")
	f.IntVar(&o.distinct, "distinct", 0, "fail too below this `number` of distinct disks, added up over the tiers")
	f.StringVar(&o.replay, "replay", "", "judge the one case of a `token` again; @FILE reads it from a file")
	f.IntVar(&o.times, "times", 1, "replay so often, a `number`; all must be the same (not of histories and real, where chance has a part)")
	f.BoolVar(&o.mutants, "mutants", false, "the exam: break the engine on purpose and see who notices")
	f.StringVar(&r.only, "only", "", "of the exam: `names` with commas between them, such as M01,M20,auto")
	f.BoolVar(&o.full, "full", false, "of the exam: all judges look at each mutant, not only until two have noticed")
	f.BoolVar(&o.json, "json", false, "the last line of the output is one JSON object")
	f.StringVar(&o.report, "report", "", "write a page with everything into this `file`")
	f.StringVar(&o.cpuProfile, "cpuprofile", "", "write a profile of the processor's time into this `file`")
	return f
}

// parse reads the flags and refuses combinations in which one would do nothing.
func (a *app) parse(args []string) (*options, error) {
	o, r := &options{}, &raw{}
	f := o.flags(r)
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	given := map[string]bool{}
	f.Visit(func(x *flag.Flag) { given[x.Name] = true })
	if err := o.together(given); err != nil {
		return nil, err
	}
	switch {
	case o.duration < 0:
		return nil, fmt.Errorf("-duration %v is negative", o.duration)
	case o.share < 1:
		return nil, fmt.Errorf("-share %d is less than 1", o.share)
	case o.knobs < 0:
		return nil, fmt.Errorf("-knobs %d is negative", o.knobs)
	case o.workers < 0:
		return nil, fmt.Errorf("-workers %d is negative", o.workers)
	case o.distinct < 0:
		return nil, fmt.Errorf("-distinct %d is negative", o.distinct)
	case o.limit < 1:
		return nil, fmt.Errorf("-limit %d is less than 1", o.limit)
	case o.times < 1:
		return nil, fmt.Errorf("-times %d is less than 1", o.times)
	}
	if err := a.names(o, r, given); err != nil {
		return nil, err
	}
	if err := o.token(); err != nil {
		return nil, err
	}
	if o.times > 1 && torture.LeftToChance(o.replay) {
		return nil, fmt.Errorf("-times does not go with the token %s: what meets whom is left to chance", o.replay)
	}
	return o, nil
}

// together looks for flags that have no meaning beside each other.
func (o *options) together(given map[string]bool) error {
	refuse := func(mode string, flags ...string) error {
		for _, name := range flags {
			if given[name] {
				return fmt.Errorf("-%s does not go with -%s", name, mode)
			}
		}
		return nil
	}
	ofTiers := []string{"duration", "share", "knobs", "depth", "profile", "match", "bar", "distinct"}
	switch {
	case given["replay"]:
		if o.replay == "" {
			return fmt.Errorf("-replay wants a token")
		}
		return refuse("replay", slices.Concat(ofTiers, []string{"tier", "mutants", "only", "full", "seed", "workers", "limit"})...)
	case given["times"]:
		return fmt.Errorf("-times goes with -replay only")
	case given["only"] && !o.mutants:
		return fmt.Errorf("-only goes with -mutants only")
	case given["full"] && !o.mutants:
		return fmt.Errorf("-full goes with -mutants only")
	case o.mutants && !given["tier"]:
		return refuse("mutants without -tier", append(ofTiers, "seed", "limit")...)
	}
	return nil
}

// names finds the tiers and the mutants that were named.
func (a *app) names(o *options, r *raw, given map[string]bool) error {
	if given["only"] {
		for _, name := range strings.Split(r.only, ",") {
			if name = strings.TrimSpace(name); name == "" {
				return fmt.Errorf("-only %q has an empty name", r.only)
			}
			o.only = append(o.only, name)
		}
		if err := knownMutants(o.only); err != nil {
			return err
		}
	}
	if o.replay != "" || o.mutants && !given["tier"] {
		return nil
	}
	if given["profile"] {
		if err := setProfile(&torture.Config{}, o.profile); err != nil {
			return err
		}
	}
	for _, name := range strings.Split(r.tier, ",") {
		i := slices.IndexFunc(a.tiers, func(t tier) bool { return t.name == name })
		switch {
		case i < 0:
			return fmt.Errorf("unknown tier %q; there are %s", name, a.tierNames())
		case slices.ContainsFunc(o.tiers, func(t tier) bool { return t.name == name }):
			return fmt.Errorf("-tier names %s twice", name)
		}
		for _, flag := range a.tiers[i].without() {
			if given[flag] {
				return fmt.Errorf("-%s does not go with -tier %s", flag, name)
			}
		}
		if name == silentName && o.depth > 0 {
			return fmt.Errorf("-depth %d does not go with -tier %s, which knows a negative one only", o.depth, name)
		}
		o.tiers = append(o.tiers, a.tiers[i])
	}
	return nil
}

func (a *app) tierNames() string {
	var names []string
	for _, t := range a.tiers {
		names = append(names, t.name)
	}
	return strings.Join(names, ", ")
}

// token reads the token of -replay from a file where it names one.
func (o *options) token() error {
	file, ok := strings.CutPrefix(o.replay, "@")
	if !ok {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("-replay: %w", err)
	}
	// Files of kept failures tell in comments what they are.
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			o.replay = line
			return nil
		}
	}
	return fmt.Errorf("-replay: %s holds no token", file)
}

func (a *app) help() string {
	var b strings.Builder
	b.WriteString("Usage: quiver-torture [flags]\n\nJudges the engine by crashes, errors and damage on a disk in memory.\n\n")
	b.WriteString("  quiver-torture -tier bounded -seed 7 -duration 10m -json\n")
	b.WriteString("  quiver-torture -replay 'TOKEN' -times 100\n")
	b.WriteString("  quiver-torture -mutants -only M01,M20\n\nTiers:\n")
	for _, t := range a.tiers {
		fmt.Fprintf(&b, "  %-12s %s\n", t.name, t.what)
	}
	b.WriteString("\nFlags:\n")
	f := (&options{}).flags(&raw{})
	f.SetOutput(&b)
	f.PrintDefaults()
	b.WriteString("\nExit codes: 0 nothing found · 1 violations, mutants that survive, a bar that is missed · 2 wrong use\n")
	return b.String()
}
