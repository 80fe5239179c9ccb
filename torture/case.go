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
	// Handles is how many files and locks may be open at once, plus 1; 0 = no
	// limit. ReadOnly makes a disk for reading. Both begin From calls behind the
	// first crash point, and heal as the faults do.
	Handles  int
	ReadOnly bool
	From     int
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
	readOnlyWord = "ro"
)

// faulty tells whether something goes wrong while the workload runs.
func (c Case) faulty() bool { return len(c.Faults) > 0 || c.Full > 0 || c.limited() }

// limited tells whether that is the state of the disk, whatever is called.
func (c Case) limited() bool { return c.Handles > 0 || c.ReadOnly }

// Token is the text that ParseToken reads: "v1;workload;words;steps".
func (c Case) Token() string {
	steps := make([]string, len(c.Steps))
	for i, s := range c.Steps {
		steps[i] = fmt.Sprintf("%s %d", s.How, s.Call)
		if s.How == stepCrash {
			steps[i] += " " + s.Sel.String()
		}
	}
	return strings.Join([]string{tokenVersion, c.Workload.String(), c.words(), strings.Join(steps, " > ")}, ";")
}

// words are what parseWord reads, with spaces between.
func (c Case) words() string {
	var words []string
	if len(c.Faults) > 0 {
		words = append(words, strings.ReplaceAll(c.Faults.String(), " ", ""))
	}
	if c.Late {
		words = append(words, "late")
	}
	for _, n := range c.numbers() {
		if *n.at > 0 {
			words = append(words, n.word+strconv.Itoa(*n.at-n.less))
		}
	}
	if c.ReadOnly {
		words = append(words, readOnlyWord)
	}
	if c.Profile != (faultfs.Profile{}) {
		words = append(words, lawWord+c.Profile.String())
	}
	return strings.Join(words, " ")
}

// number is a word with a number behind it, which the case keeps with less more.
type number struct {
	word string
	at   *int
	less int
}

func (c *Case) numbers() []number {
	return []number{{"full=", &c.Full, 1}, {"handles=", &c.Handles, 1}, {"from=", &c.From, 0}}
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
	if word == readOnlyWord {
		c.ReadOnly = true
		return nil
	}
	for _, n := range c.numbers() {
		if text, ok := strings.CutPrefix(word, n.word); ok {
			if *n.at, err = strconv.Atoi(text); err != nil || *n.at < 0 {
				return fmt.Errorf("torture: %q wants a number", word)
			}
			*n.at += n.less
			return nil
		}
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
