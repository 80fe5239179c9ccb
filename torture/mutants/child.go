package mutants

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// memoryKiB bounds the address space of a mutant.
const memoryKiB = 6 << 20

// child is a program that runs beside a mutant.
type child struct {
	dir  string
	name string
	args []string
	env  []string
	time time.Duration // of the processor; after that it is killed
}

// idle is how long a program may use no time of the processor at all, and slow
// how much longer than its time it may take on a busy machine.
const (
	idle = 25 * time.Second
	slow = 12
)

// outcome is how it ended.
type outcome struct {
	out, err string
	code     int
	late     bool // it was killed
}

// run starts the program with limits, by a shell that sets them.
func (c child) run(ctx context.Context) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, slow*c.time)
	defer cancel()
	limit := "ulimit -v " + strconv.Itoa(memoryKiB) + " 2>/dev/null; exec \"$0\" \"$@\""
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", limit, c.name}, c.args...)...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.dir, &out, &errs
	cmd.Env = append(os.Environ(), c.env...)
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return outcome{}, err
	}
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		c.watch(ctx, cmd.Process.Pid, cancel)
	}()
	err := cmd.Wait()
	late := ctx.Err() != nil
	cancel()
	<-watching
	o := outcome{out: out.String(), err: errs.String(), code: cmd.ProcessState.ExitCode(), late: late}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !late {
		return o, fmt.Errorf("%s: %w", c.name, err)
	}
	return o, nil
}

// watch ends a program that has used up its time, or none for long.
func (c child) watch(ctx context.Context, pid int, end func()) {
	last, moved := time.Duration(0), time.Now()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		used, known := timeOf(pid)
		if !known || used > last {
			last, moved = used, time.Now()
		}
		if used > c.time || time.Since(moved) > idle {
			end()
			return
		}
	}
}

// timeOf is the time of the processor that a process has used, where the system
// tells it in a file.
func timeOf(pid int) (time.Duration, bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, false
	}
	// The second field may have blanks: the rest is behind its bracket.
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 13 {
		return 0, false
	}
	user, err1 := strconv.Atoi(f[11])
	system, err2 := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond, err1 == nil && err2 == nil
}

// findings reads what a judge has printed, and what its end says.
func (o outcome) findings() []Finding {
	var list []Finding
	for line := range strings.Lines(o.out) {
		var f Finding
		if json.Unmarshal([]byte(line), &f) == nil && f.Judge != "" {
			list = append(list, f)
		}
	}
	return append(list, o.death()...)
}

var panicLine = regexp.MustCompile(`(?m)^(panic|fatal error): (.*)$`)

// death is a finding when the program was killed, or has ended by itself where
// it should not.
func (o outcome) death() []Finding {
	if o.late {
		return []Finding{{Judge: JudgeProgress, Rule: "I21 progress", Text: "killed after its time"}}
	}
	m := panicLine.FindStringSubmatch(o.err + "\n" + o.out)
	switch {
	case m == nil:
		return nil
	case strings.Contains(m[2], "I21 progress"), strings.Contains(m[2], "deadlock"), strings.Contains(m[2], "test timed out"):
		return []Finding{{Judge: JudgeProgress, Rule: "I21 progress", Text: m[2]}}
	}
	return []Finding{{Judge: JudgePanic, Rule: m[1], Text: m[2]}}
}

var failedTest = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// failedTests are the findings of a test binary, one for each judge.
func (o outcome) failedTests() []Finding {
	var list []Finding
	seen := map[string]bool{}
	for _, m := range failedTest.FindAllStringSubmatch(o.out, -1) {
		name, _, _ := strings.Cut(m[1], "/")
		if judge := judgeOfTest(name); !seen[judge] {
			seen[judge] = true
			list = append(list, Finding{Judge: judge, Rule: name, Text: "the test fails"})
		}
	}
	return append(list, o.death()...)
}
