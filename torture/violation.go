package torture

import (
	"fmt"
	"strings"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// Violation is a promise that was found broken, and how to see it again.
type Violation struct {
	Rule        string   `json:"rule"`        // the invariant or rule
	Text        string   `json:"text"`        // what was found and what was expected
	Token       string   `json:"token"`       // for Replay
	Fingerprint string   `json:"fingerprint"` // of the calls of the run, equal at every replay
	Steps       []string `json:"steps"`       // the operations as they went
	Lost        []string `json:"lost"`        // what the power cut took away
	Calls       []string `json:"calls"`       // to the disk, around the crash
}

// excerptCalls is how many calls before and after a crash are shown.
const excerptCalls = 12

func newViolation(f flaw, c Case, r *run, at *crash) Violation {
	log := r.disk.Log()
	v := Violation{Rule: f.rule, Text: f.text, Token: c.Token(), Fingerprint: log.Fingerprint().String()}
	for _, s := range r.steps {
		v.Steps = append(v.Steps, s.String())
	}
	for x := at; x != nil; x = x.next {
		if x.how == stepKill || x.how == stepLook {
			continue
		}
		for i, a := range x.point.Pending() {
			if !x.sel.Has(i) {
				v.Lost = append(v.Lost, a.String())
			}
		}
		if x.next != nil {
			v.Lost = append(v.Lost, "then, in the recovery:")
		}
	}
	if at != nil {
		v.Calls = excerpt(log, at.point.From)
	}
	return v
}

// excerpt is the calls around one.
func excerpt(log *faultfs.Log, call int) []string {
	var lines []string
	for _, r := range log.Records() {
		if r.Seq > call-excerptCalls && r.Seq <= call+excerptCalls {
			mark := "  "
			if r.Seq == call {
				mark = "> "
			}
			lines = append(lines, mark+r.String())
		}
	}
	return lines
}

// Command is the shell command that replays it.
func (v Violation) Command() string {
	return "go run ./cmd/quiver-torture -replay '" + v.Token + "'"
}

// String is the whole report.
func (v Violation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", v.Rule, v.Text)
	block := func(title string, lines []string) {
		if len(lines) == 0 {
			return
		}
		fmt.Fprintf(&b, "  %s:\n", title)
		for _, l := range lines {
			fmt.Fprintf(&b, "    %s\n", l)
		}
	}
	block("operations", v.Steps)
	block("lost", v.Lost)
	block("calls", v.Calls)
	fmt.Fprintf(&b, "  fingerprint %s\n  %s\n", v.Fingerprint, v.Command())
	return b.String()
}
