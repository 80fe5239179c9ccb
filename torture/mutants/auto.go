package mutants

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// operators are the automatic mutants that were asked for. Which call sites there
// are is found out by running cases of the engine as it is, without errors: what
// is done on the way out of an error is tried by the cells of the errors.
func (x *exam) operators(ctx context.Context) ([]entry, error) {
	wanted := func(o Operator) bool { return true }
	if len(x.c.Only) > 0 {
		wanted = func(o Operator) bool {
			return slices.ContainsFunc(x.c.Only, func(only string) bool {
				part, ok := strings.CutPrefix(only, "auto:")
				return only == "auto" || ok && (strings.Contains(o.String(), part) || strings.Contains(o.Key(), part))
			})
		}
		if !slices.ContainsFunc(x.c.Only, func(only string) bool { return strings.HasPrefix(only, "auto") }) {
			return nil, nil
		}
	}
	bin, err := x.clean.judge(ctx)
	if err != nil {
		return nil, err
	}
	sites := map[string]Site{}
	for round := range plainRounds + siteRounds {
		args := []string{"-sites", "-round", strconv.Itoa(round), "-budget", "30s", "-plain"}
		if round >= plainRounds {
			args = []string{"-sites", "-round", strconv.Itoa(round - plainRounds), "-budget", "5s"}
		}
		found, err := sitesOf(ctx, child{dir: x.c.Root, name: bin, time: time.Minute, args: args})
		if err != nil {
			return nil, err
		}
		for _, s := range found {
			if have, ok := sites[s.String()]; ok {
				s.Cases = append(have.Cases, s.Cases...)
			}
			sites[s.String()] = s
		}
	}
	all := slices.SortedFunc(maps.Values(sites), compareSites)
	number(all)
	var list []entry
	for _, op := range Operators(all) {
		if wanted(op) {
			list = append(list, entry{op: &op})
		}
	}
	if len(x.c.Only) == 0 || slices.Contains(x.c.Only, "auto") {
		missing, err := unmet(x.c.Root, all)
		if err != nil {
			return nil, err
		}
		for _, r := range append(missing, unused(missing, list)...) {
			x.add(r)
		}
	}
	return list, nil
}

// examineOperator runs the judges of package torture with the mistake between
// the engine and the disk.
func (x *exam) examineOperator(ctx context.Context, op Operator) Row {
	r := Row{ID: "auto " + op.String(), Title: op.String(), Auto: true, Justified: justified(op)}
	start := time.Now()
	for _, s := range operatorStages() {
		if s.last && len(r.judges()) > 0 {
			break
		}
		budget, more := x.c.Budget, append([]string{"-mutant", op.String()}, s.more...)
		if s.cases {
			more = append(more, "-cases", strings.Join(op.Site.Cases, ";"))
		}
		if s.name != "rules" && len(r.judges()) == 0 && (r.Justified == "" || s.name != "errors") {
			budget *= 4
		}
		found, err := s.runJudge(ctx, x.clean, budget, 1, more...)
		if err != nil {
			r.Error = err.Error()
			return r
		}
		before := time.Since(start).Seconds()
		for _, f := range found {
			if x.proves(ctx, s, nil, f) {
				f.Seconds += before
				r.enter(f)
			}
		}
	}
	r.Seconds = time.Since(start).Seconds()
	return r
}

// All workloads are run, plainRounds times with other options each, and those of
// siteRounds rounds with their crashes too, to learn which call sites there are:
// those of a recovery have no other cases.
const (
	plainRounds = 2
	siteRounds  = 8
)

// sitesOf runs a judge that lists call sites.
func sitesOf(ctx context.Context, c child) ([]Site, error) {
	o, err := c.run(ctx)
	if err != nil {
		return nil, err
	}
	var sites []Site
	lines := strings.Split(strings.TrimSpace(o.out), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &sites); err != nil {
		return nil, fmt.Errorf("mutants: list of call sites: %w\n%s", err, o.err)
	}
	return sites, nil
}
