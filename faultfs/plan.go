package faultfs

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
)

// Plan is a list of faults. When several would strike one call, the first in
// the list does; every fault counts its matching calls, whoever struck them.
//
// The text form is a comma-separated list of
//
//	kinds/classes#N[+|xTimes]:errno[:effect]
//
// with kinds and classes as in Kind.String and Class.String ("*" for any),
// and effect one of after=BYTES, done, F1, F2, F3, F4, F5 or F5=HEX, for example
//
//	sync|syncdata/wal#3:EIO:F1, write/*#2+:ENOSPC, write/seg#1x2:EIO:after=512
type Plan []Fault

func (p Plan) String() string {
	parts := make([]string, len(p))
	for i := range p {
		parts[i] = p[i].String()
	}
	return strings.Join(parts, ", ")
}

func (f Fault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v/%v#%d", f.Kind, f.Class, max(f.N, 1))
	switch {
	case f.Times > 0:
		fmt.Fprintf(&b, "x%d", f.Times)
	case f.Sticky:
		b.WriteByte('+')
	}
	fmt.Fprintf(&b, ":%s", errnoName(f.errno()))
	switch f.Effect {
	case EffectBefore:
	case EffectAfter:
		fmt.Fprintf(&b, ":after=%d", f.Bytes)
	case EffectF5:
		fmt.Fprintf(&b, ":F5=%x", f.keep())
	default:
		fmt.Fprintf(&b, ":%v", f.Effect)
	}
	return b.String()
}

// ParsePlan reads what Plan.String wrote. The empty text is the empty plan.
func ParsePlan(text string) (Plan, error) {
	var p Plan
	if strings.TrimSpace(text) == "" {
		return p, nil
	}
	for _, part := range strings.Split(text, ",") {
		f, err := parseFault(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("faultfs: fault %q: %w", part, err)
		}
		p = append(p, f)
	}
	return p, nil
}

func parseFault(text string) (Fault, error) {
	var f Fault
	fields := strings.Split(text, ":")
	if len(fields) < 2 || len(fields) > 3 {
		return f, fmt.Errorf("want kinds/classes#N:errno[:effect]")
	}
	target, count, _ := strings.Cut(fields[0], "#")
	kinds, classes, _ := strings.Cut(target, "/")
	k, err := parseSet(kinds, kindNames[:])
	if err != nil {
		return f, err
	}
	c, err := parseSet(classes, classNames[:])
	if err != nil {
		return f, err
	}
	f.Kind, f.Class = Kind(k), Class(c)
	if err := f.parseCount(count); err != nil {
		return f, err
	}
	if f.Errno, err = parseErrno(fields[1]); err != nil {
		return f, err
	}
	if len(fields) == 3 {
		return f, f.parseEffect(fields[2])
	}
	return f, nil
}

func (f *Fault) parseCount(text string) (err error) {
	text, f.Sticky = strings.CutSuffix(text, "+")
	n, times, limited := strings.Cut(text, "x")
	if limited {
		if f.Times, err = strconv.Atoi(times); err != nil || f.Times < 1 {
			return fmt.Errorf("bad number of times %q", times)
		}
	}
	f.N = 1
	if n != "" {
		if f.N, err = strconv.Atoi(n); err != nil || f.N < 1 {
			return fmt.Errorf("bad call number %q", n)
		}
	}
	return nil
}

func (f *Fault) parseEffect(text string) (err error) {
	name, arg, has := strings.Cut(text, "=")
	for e, known := range effectNames {
		if name != known {
			continue
		}
		f.Effect = Effect(e)
		switch {
		case f.Effect == EffectAfter:
			f.Bytes, err = strconv.ParseInt(arg, 10, 64)
		case f.Effect == EffectF5 && has:
			f.Keep, err = strconv.ParseUint(arg, 16, 64)
		case has:
			err = fmt.Errorf("effect %s takes no argument", name)
		}
		return err
	}
	return fmt.Errorf("unknown effect %q", name)
}

// errnos are the errors that files and directories are known to give.
var errnos = [...]struct {
	name string
	no   syscall.Errno
}{
	{"EIO", syscall.EIO}, {"ENOSPC", syscall.ENOSPC}, {"EDQUOT", syscall.EDQUOT}, {"EROFS", syscall.EROFS},
	{"EFBIG", syscall.EFBIG}, {"EACCES", syscall.EACCES}, {"EPERM", syscall.EPERM}, {"ENOENT", syscall.ENOENT},
	{"EEXIST", syscall.EEXIST}, {"EMFILE", syscall.EMFILE}, {"ENFILE", syscall.ENFILE}, {"EINTR", syscall.EINTR},
	{"EAGAIN", syscall.EAGAIN}, {"EBUSY", syscall.EBUSY}, {"EXDEV", syscall.EXDEV}, {"EINVAL", syscall.EINVAL},
	{"ENOMEM", syscall.ENOMEM}, {"ENOLCK", syscall.ENOLCK}, {"EOPNOTSUPP", syscall.EOPNOTSUPP},
}

func errnoName(no syscall.Errno) string {
	for _, e := range errnos {
		if e.no == no {
			return e.name
		}
	}
	return strconv.Itoa(int(no))
}

func parseErrno(text string) (syscall.Errno, error) {
	for _, e := range errnos {
		if e.name == text {
			return e.no, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("unknown errno %q", text)
	}
	return syscall.Errno(n), nil
}
