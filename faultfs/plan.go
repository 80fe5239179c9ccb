package faultfs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Plan is a list of faults. When several would strike one call, the first in
// the list does; every fault counts its matching calls, whoever struck them.
//
// The text form is a comma-separated list of
//
//	kinds[site]/classes#N[+|xTimes][here]:errno[:effect]
//
// with kinds and classes as in Kind.String and Class.String ("*" for any), a
// site in its brackets or none, the errno "ok" for an effect that reports no
// error, and effect one of
//
//	after=K short=K eof=K         K is a number of bytes, half, len-1, S or S-1
//	done F1 F2 F3 F4 F5 F5=HEX
//	lie swap stale flip=BIT shuffle=SEED
//
// for example
//
//	sync|syncdata/wal#3:EIO:F1, write/*#2+:ENOSPC, write/seg#1x2:EIO:after=S-1,
//	read/seg#4here:EIO, write/wal#2:ok:short=half, syncdir[vfs/helpers.go:90]/*#1+:ok:lie
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
	b.WriteString(f.Kind.String())
	if f.Site != "" {
		fmt.Fprintf(&b, "[%s]", f.Site)
	}
	fmt.Fprintf(&b, "/%v#%d", f.Class, max(f.N, 1))
	switch {
	case f.Times > 0:
		fmt.Fprintf(&b, "x%d", f.Times)
	case f.Sticky:
		b.WriteByte('+')
	}
	if f.Here {
		b.WriteString("here")
	}
	if f.Effect.silent() {
		b.WriteString(":ok")
	} else {
		b.WriteString(":" + errnoName(f.errno()))
	}
	switch {
	case f.Effect == EffectBefore:
	case f.Effect.parted() && f.Part != PartBytes:
		fmt.Fprintf(&b, ":%v=%v", f.Effect, f.Part)
	case f.Effect.parted() || f.Effect == EffectFlip:
		fmt.Fprintf(&b, ":%v=%d", f.Effect, f.Bytes)
	case f.Effect == EffectF5:
		fmt.Fprintf(&b, ":F5=%x", f.keep())
	case f.Effect == EffectShuffle:
		fmt.Fprintf(&b, ":shuffle=%d", f.Seed)
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
	if kinds, after, sited := strings.Cut(text, "["); sited {
		site, tail, closed := strings.Cut(after, "]")
		if !closed || site == "" {
			return f, fmt.Errorf("want a site in brackets")
		}
		f.Site, text = site, kinds+tail
	}
	fields := strings.Split(text, ":")
	if len(fields) < 2 || len(fields) > 3 {
		return f, fmt.Errorf("want kinds[site]/classes#N:errno[:effect]")
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
	if len(fields) == 3 {
		if err := f.parseEffect(fields[2]); err != nil {
			return f, err
		}
	}
	if ok := fields[1] == "ok"; ok != f.Effect.silent() {
		return f, fmt.Errorf("effect %v with errno %q", f.Effect, fields[1])
	} else if !ok {
		f.Errno, err = parseErrno(fields[1])
	}
	return f, err
}

func (f *Fault) parseCount(text string) (err error) {
	text, f.Here = strings.CutSuffix(text, "here")
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
	i := slices.Index(effectNames[:], name)
	if i < 0 {
		return fmt.Errorf("unknown effect %q", name)
	}
	f.Effect = Effect(i)
	switch {
	case f.Effect.parted():
		if p := slices.Index(partNames[:], arg); p > 0 {
			f.Part = Part(p)
			return nil
		}
		f.Bytes, err = strconv.ParseInt(arg, 10, 64)
	case f.Effect == EffectFlip:
		f.Bytes, err = strconv.ParseInt(arg, 10, 64)
	case f.Effect == EffectShuffle:
		f.Seed, err = strconv.ParseUint(arg, 10, 64)
	case f.Effect == EffectF5 && has:
		f.Keep, err = strconv.ParseUint(arg, 16, 64)
	case has:
		err = fmt.Errorf("effect %s takes no argument", name)
	}
	return err
}

// errnos are the errors that files and directories are known to give.
var errnos = [...]struct {
	name string
	no   syscall.Errno
}{
	{"EIO", syscall.EIO}, {"ENOSPC", syscall.ENOSPC}, {"EDQUOT", syscall.EDQUOT}, {"EROFS", syscall.EROFS},
	{"EFBIG", syscall.EFBIG}, {"EACCES", syscall.EACCES}, {"EPERM", syscall.EPERM}, {"ENOENT", syscall.ENOENT},
	{"EEXIST", syscall.EEXIST}, {"EMFILE", syscall.EMFILE}, {"ENFILE", syscall.ENFILE}, {"EINTR", syscall.EINTR},
	{"EAGAIN", syscall.EAGAIN}, {"EWOULDBLOCK", syscall.EWOULDBLOCK}, {"EBUSY", syscall.EBUSY}, {"EXDEV", syscall.EXDEV}, {"EINVAL", syscall.EINVAL},
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
