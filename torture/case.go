package torture

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// Case is one thing to be judged, and what a replay token says: a workload, what
// goes wrong while it runs, and how the disk came to be that was looked at.
type Case struct {
	Workload Workload
	Faults   faultfs.Plan // from the first crash point on
	Late     bool         // the faults stay until the last close; else they heal before the last put
	// Full is how many sectors of space are left once the session has begun,
	// plus 1; 0 = no limit.
	Full int
	// Profile is what a power cut may leave; the zero value is posix.
	Profile faultfs.Profile
	Steps   []Step // none: the run itself, without a crash
}

// Step is one end of a process, in the run or in the recovery from the step
// before.
type Step struct {
	How  string            // stepCrash, stepKill or stepLook
	Call int               // the last call that had changed the disk
	Sel  faultfs.Selection // the pending atoms that a power cut let persist
}

const (
	stepCrash = "crash" // a power cut
	stepKill  = "kill"  // the end of the process, and an open
	stepLook  = "look"  // the same, and an open for reading
)

const (
	tokenVersion = "v1"
	lawWord      = "under="
)

// Token is the text that ParseToken reads: "v1;workload;words;steps".
func (c Case) Token() string {
	var errs []string
	if len(c.Faults) > 0 {
		errs = append(errs, strings.ReplaceAll(c.Faults.String(), " ", ""))
	}
	if c.Late {
		errs = append(errs, "late")
	}
	if c.Full > 0 {
		errs = append(errs, "full="+strconv.Itoa(c.Full-1))
	}
	if c.Profile != (faultfs.Profile{}) {
		errs = append(errs, lawWord+c.Profile.String())
	}
	steps := make([]string, len(c.Steps))
	for i, s := range c.Steps {
		steps[i] = fmt.Sprintf("%s %d", s.How, s.Call)
		if s.How == stepCrash {
			steps[i] += " " + s.Sel.String()
		}
	}
	return strings.Join([]string{tokenVersion, c.Workload.String(), strings.Join(errs, " "), strings.Join(steps, " > ")}, ";")
}

// ParseToken reads what Token wrote.
func ParseToken(text string) (c Case, err error) {
	parts := strings.Split(strings.TrimSpace(text), ";")
	if len(parts) != 4 || parts[0] != tokenVersion {
		return c, fmt.Errorf("torture: token %q is not %s;workload;words;steps", text, tokenVersion)
	}
	if c.Workload, err = ParseWorkload(parts[1]); err != nil {
		return c, err
	}
	for _, word := range strings.Fields(parts[2]) {
		if err := c.parseWord(word); err != nil {
			return c, err
		}
	}
	if strings.TrimSpace(parts[3]) == "" {
		return c, nil
	}
	for _, s := range strings.Split(parts[3], ">") {
		step, err := parseStep(strings.Fields(s))
		if err != nil {
			return c, err
		}
		c.Steps = append(c.Steps, step)
	}
	return c, nil
}

// parseWord reads one of the words between the workload and the steps: a plan of
// faults, or what else goes wrong.
func (c *Case) parseWord(word string) (err error) {
	if word == "late" {
		c.Late = true
		return nil
	}
	if n, ok := strings.CutPrefix(word, "full="); ok {
		if c.Full, err = strconv.Atoi(n); err != nil || c.Full < 0 {
			return fmt.Errorf("torture: space %q", word)
		}
		c.Full++
		return nil
	}
	if law, ok := strings.CutPrefix(word, lawWord); ok {
		c.Profile, err = faultfs.ParseProfile(law)
		return err
	}
	c.Faults, err = faultfs.ParsePlan(word)
	return err
}

func parseStep(f []string) (s Step, err error) {
	if len(f) < 2 {
		return s, fmt.Errorf("torture: step %q", f)
	}
	s.How = f[0]
	if s.Call, err = strconv.Atoi(f[1]); err != nil {
		return s, fmt.Errorf("torture: step %q: %w", f, err)
	}
	switch {
	case s.How == stepCrash && len(f) == 3:
		s.Sel, err = faultfs.ParseSelection(f[2])
	case s.How == stepKill && len(f) == 2, s.How == stepLook && len(f) == 2:
	default:
		err = fmt.Errorf("torture: step %q", f)
	}
	return s, err
}
