// Package ci holds the scripts that a check of the project runs, and the house
// rules as a test.
//
// The rules are about the source text: which package may import which, what the
// engine must not reach for, how long a function may be, what stands on the top
// level. Each rule is a function from a parsed file to its findings, and each
// has a table of small samples that it must accept and refuse, so that a rule
// that finds nothing any more is noticed.
package ci
