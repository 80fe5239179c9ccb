package model

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is what a call does.
type Kind uint8

// The kinds of calls, with what their Result tells.
const (
	Put          Kind = iota
	Delete            // Found
	DeletePrefix      // N
	Append            // an Update that adds Value to what is there. Found, Value: what was there
	Batch             // Changes, in their order
	Get               // Found, Value
	Has               // Found
	Scan              // Pairs; Key is the prefix
)

var kindNames = [...]string{"put", "delete", "deleteprefix", "append", "batch", "get", "has", "scan"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind" + strconv.Itoa(int(k))
}

// Change is one change of a batch.
type Change struct {
	Key, Value string
	Delete     bool
}

// Op is a call as a value.
type Op struct {
	Kind       Kind
	Key, Value string
	Changes    []Change
}

// Writes reports whether the call may change something.
func (o Op) Writes() bool { return o.Kind <= Batch }

// String is the call on one line, such that ParseOp gives it back.
func (o Op) String() string { return o.text(strconv.Quote) }

func (o Op) text(quote func(string) string) string {
	switch o.Kind {
	case Put, Append:
		return o.Kind.String() + " " + quote(o.Key) + " " + quote(o.Value)
	case Batch:
		var b strings.Builder
		b.WriteString("batch")
		for _, c := range o.Changes {
			if c.Delete {
				b.WriteString(" delete " + quote(c.Key))
			} else {
				b.WriteString(" put " + quote(c.Key) + " " + quote(c.Value))
			}
		}
		return b.String()
	}
	return o.Kind.String() + " " + quote(o.Key)
}

// ParseOp reads what String wrote.
func ParseOp(text string) (Op, error) {
	p := parser{rest: text}
	var o Op
	name := p.word()
	o.Kind = Kind(len(kindNames))
	for i, n := range kindNames {
		if n == name {
			o.Kind = Kind(i)
		}
	}
	switch o.Kind {
	case Kind(len(kindNames)):
		p.fail("unknown call %q", name)
	case Put, Append:
		o.Key, o.Value = p.quoted(), p.quoted()
	case Batch:
		o.Changes = p.changes()
	default:
		o.Key = p.quoted()
	}
	if p.rest != "" {
		p.fail("unexpected %q", p.rest)
	}
	if p.err != nil {
		return Op{}, fmt.Errorf("model: call %q: %w", text, p.err)
	}
	return o, nil
}

// parser takes words and quoted texts, with one space between them, off a line.
type parser struct {
	rest string
	err  error
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
	p.rest = ""
}

func (p *parser) word() string {
	w, rest, _ := strings.Cut(p.rest, " ")
	p.rest = rest
	return w
}

func (p *parser) quoted() string {
	prefix, err := strconv.QuotedPrefix(p.rest)
	if err != nil {
		p.fail("no quoted text at %q", p.rest)
		return ""
	}
	p.rest = strings.TrimPrefix(p.rest[len(prefix):], " ")
	s, err := strconv.Unquote(prefix)
	if err != nil {
		p.fail("%s: %w", prefix, err)
	}
	return s
}

func (p *parser) changes() []Change {
	var list []Change
	for p.rest != "" {
		switch w := p.word(); w {
		case "put":
			list = append(list, Change{Key: p.quoted(), Value: p.quoted()})
		case "delete":
			list = append(list, Change{Key: p.quoted(), Delete: true})
		default:
			p.fail("unknown change %q", w)
		}
	}
	return list
}
