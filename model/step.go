package model

import (
	"fmt"
	"strings"
)

// Result is what a call has told; which fields count stands with its Kind.
type Result struct {
	Found   bool
	Value   string
	N       int
	Pairs   State
	Unknown bool // the call failed or did not return: it tells nothing
}

// Apply is what a call does to a state, and what it must tell.
func Apply(s State, o Op) (next State, r Result) {
	switch o.Kind {
	case Get, Append:
		r.Value, r.Found = s[o.Key]
	case Has, Delete:
		_, r.Found = s[o.Key]
	case DeletePrefix:
		r.N = len(s.Keys(o.Key))
	case Scan:
		r.Pairs = State{}
		for _, k := range s.Keys(o.Key) {
			r.Pairs[k] = s[k]
		}
	}
	if !o.Writes() {
		return s, r
	}
	next = s.Clone()
	switch o.Kind {
	case Put:
		next[o.Key] = o.Value
	case Delete:
		delete(next, o.Key)
	case DeletePrefix:
		for _, k := range s.Keys(o.Key) {
			delete(next, k)
		}
	case Append:
		next[o.Key] += o.Value
	case Batch:
		for _, c := range o.Changes {
			if c.Delete {
				delete(next, c.Key)
			} else {
				next[c.Key] = c.Value
			}
		}
	}
	return next, r
}

// Step judges a call that took effect at one moment, in the state s.
func Step(s State, o Op, r Result) (ok bool, next State) {
	next, want := Apply(s, o)
	if r.Unknown {
		return true, next
	}
	return r.Found == want.Found && r.Value == want.Value && r.N == want.N && Equal(r.Pairs, want.Pairs), next
}

// Describe is a call and what it told, for people.
func Describe(o Op, r Result) string {
	call := o.text(short)
	switch {
	case r.Unknown:
		return call + " -> ?"
	case o.Kind == Put || o.Kind == Batch:
		return call
	case o.Kind == DeletePrefix:
		return fmt.Sprintf("%s -> %d", call, r.N)
	case o.Kind == Delete || o.Kind == Has:
		return fmt.Sprintf("%s -> %t", call, r.Found)
	case o.Kind == Scan:
		var pairs []string
		for _, k := range r.Pairs.Keys("") {
			pairs = append(pairs, short(k)+"="+short(r.Pairs[k]))
		}
		return call + " -> {" + strings.Join(pairs, " ") + "}"
	}
	return call + " -> " + shortOr(r.Value, r.Found)
}
