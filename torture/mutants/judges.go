package mutants

import (
	"regexp"
	"slices"
	"strings"

	"github.com/quiverdb/quiverdb-go/torture"
)

// Names of the judges. Crashes, model, errors and silent compare with the model,
// each where something else goes wrong; rules, raw, linear and the tests of the
// engine ask something else. The rest are signs that every program gives.
const (
	JudgeRules    = "rules"    // the static rules on the order of calls
	JudgeCrashes  = "crashes"  // crash states against the model
	JudgeRaw      = "raw"      // the decoder of raw bytes
	JudgeModel    = "model"    // what calls return, without any fault
	JudgeErrors   = "errors"   // runs in which calls to the disk fail
	JudgeSilent   = "silent"   // damage of the files
	JudgeLinear   = "linear"   // concurrent histories
	JudgeProperty = "property" // the property tests of the engine
	JudgeUnit     = "unit"     // its other tests
	JudgeCheck    = "check"    // its own check of a database
	JudgeProgress = "progress" // it hangs
	JudgePanic    = "panic"    // it panics, or takes too much memory
)

func judgeNames() []string {
	return []string{JudgeRules, JudgeCrashes, JudgeRaw, JudgeModel, JudgeErrors, JudgeSilent,
		JudgeLinear, JudgeProperty, JudgeUnit, JudgeCheck, JudgeProgress, JudgePanic}
}

// Finding is what a judge has against a mutant.
type Finding struct {
	Judge string `json:"judge"`
	Rule  string `json:"rule"`  // invariant or rule, or the name of a test
	Text  string `json:"text"`  // in a few words
	Token string `json:"token"` // replays it with quiver-torture; empty for tests
	// Seconds is when it was found, from the start of its judge, with the time
	// that building took.
	Seconds float64 `json:"seconds"`
}

// JudgeOf tells which judge a violation comes from. The token says whether calls
// failed in its run, and whether there was a crash.
func JudgeOf(rule, token string) string {
	switch {
	case strings.HasPrefix(rule, "static"):
		return JudgeRules
	case strings.HasPrefix(rule, "I7 raw"):
		return JudgeRaw
	case strings.HasPrefix(rule, "I16 no panic"):
		return JudgePanic
	case strings.HasPrefix(rule, "I21"):
		return JudgeProgress
	case strings.HasPrefix(rule, "I15"):
		return JudgeLinear
	case strings.HasPrefix(rule, "I7 structure"):
		return JudgeCheck
	}
	c, err := torture.ParseToken(token)
	switch {
	case strings.HasPrefix(token, "silent"):
		return JudgeSilent
	case strings.HasPrefix(token, "history"):
		return JudgeLinear
	case err != nil:
		return JudgeModel
	case len(c.Faults) > 0 || c.Full > 0:
		return JudgeErrors
	case len(c.Steps) > 0:
		return JudgeCrashes
	}
	return JudgeModel
}

// judgeOfTest sorts the tests of the engine.
func judgeOfTest(name string) string {
	name, _, _ = strings.Cut(name, "/")
	has := func(prefixes ...string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
	}
	switch {
	case has("TestLinear"):
		return JudgeLinear
	case has("TestStateMachine", "TestConfigurations", "TestManyWriters", "TestScanSees", "TestCloseWhile", "TestHistor", "TestRandom", "TestProperty", "TestGetsDoNot"):
		return JudgeProperty
	}
	return JudgeUnit
}

// Like makes findings of the same kind equal: numbers, values and names of keys
// differ from case to case.
func Like(rule, text string) string {
	text, _, _ = strings.Cut(text, "\n")
	return rule + ": " + detail.ReplaceAllString(text, "~")
}

var detail = regexp.MustCompile(`"[^"]*"|[0-9a-f]*[0-9][0-9a-f]*|in [a-z]+\([^)]*\)|\{.*\}`)
