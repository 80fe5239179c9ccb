package torture

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quiverdb/quiverdb-go/model"
)

// Workload is what a run does: a start state, and operations on it.
type Workload struct {
	Knobs Knobs
	Start string // a name of Starts
	Ops   []Op
}

// String is "knobs|start|operations".
func (w Workload) String() string {
	return w.Knobs.String() + "|" + w.Start + "|" + opsString(w.Ops)
}

// ParseWorkload reads what String wrote.
func ParseWorkload(text string) (Workload, error) {
	parts := strings.Split(text, "|")
	if len(parts) != 3 {
		return Workload{}, fmt.Errorf("torture: workload %q is not knobs|start|operations", text)
	}
	k, err := ParseKnobs(parts[0])
	if err != nil {
		return Workload{}, err
	}
	if parts[1] != edgeStart && !slices.Contains(Starts(), parts[1]) && !slices.Contains(familyStarts(), parts[1]) {
		return Workload{}, fmt.Errorf("torture: unknown start state %q", parts[1])
	}
	ops, err := parseOps(parts[2])
	return Workload{k, parts[1], ops}, err
}

// keys are all that the workload may touch, and one more.
func (w Workload) keys() []string {
	set := map[string]bool{"missing": true}
	s := startOf(w.Start, w.Knobs)
	for _, ops := range [][]Op{s.setup, s.warm, w.Ops} {
		for _, o := range ops {
			for _, c := range o.Changes {
				if o.Kind != OpDeletePrefix {
					set[c.Key] = true
				}
			}
		}
	}
	list := make([]string, 0, len(set))
	for k := range set {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// modelOp is the operation in the words of the model. number tells the values
// of this operation from all others.
func (o Op) modelOp(number int) model.Op {
	v := func(i int) string { return value(uint64(number)<<8|uint64(i), o.Changes[i]) }
	switch o.Kind {
	case OpPut:
		return model.Op{Kind: model.Put, Key: o.Changes[0].Key, Value: v(0)}
	case OpDelete:
		return model.Op{Kind: model.Delete, Key: o.Changes[0].Key}
	case OpDeletePrefix:
		m := model.Op{Kind: model.DeletePrefix}
		if len(o.Changes) > 0 {
			m.Key = o.Changes[0].Key
		}
		return m
	case OpUpdate:
		if o.Changes[0].Delete {
			return model.Op{Kind: model.Delete, Key: o.Changes[0].Key}
		}
		return model.Op{Kind: model.Append, Key: o.Changes[0].Key, Value: v(0)}
	}
	m := model.Op{Kind: model.Batch}
	for i, c := range o.Changes {
		mc := model.Change{Key: c.Key, Delete: c.Delete}
		if !c.Delete {
			mc.Value = v(i)
		}
		m.Changes = append(m.Changes, mc)
	}
	return m
}
