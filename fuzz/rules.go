package fuzz

import (
	"errors"
	"fmt"
	"runtime/metrics"

	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// refused checks the error of a decoder for an input of n bytes.
func refused(err error, n int) error {
	fe, ok := err.(*format.Error) // as it comes nearly always; errors.As is slow
	if !ok && !errors.As(err, &fe) {
		return fmt.Errorf("untyped error: %w", err)
	}
	if fe.Offset < 0 || fe.Offset > int64(n) {
		return fmt.Errorf("error outside of %d bytes: %w", n, err)
	}
	kinds := 0
	for _, kind := range [...]error{format.ErrMagic, format.ErrVersion, format.ErrChecksum, format.ErrTruncated, format.ErrField} {
		if fe.Kind == kind {
			kinds++
		}
	}
	if kinds != 1 || !errors.Is(err, fe.Kind) || fe.Structure == "" || fe.Reason == "" {
		return fmt.Errorf("error of %d kinds: %w", kinds, err)
	}
	return nil
}

// differ is the violation of two readings that do not agree.
func differ(what string, engine, second any) error {
	return fmt.Errorf("%s: the engine says %v, the second reading %v", what, engine, second)
}

// acceptance compares whether the two readings take the bytes for valid.
func acceptance(what string, err error, ok bool, n int) error {
	if err != nil {
		if e := refused(err, n); e != nil {
			return fmt.Errorf("%s: %w", what, e)
		}
	}
	if (err == nil) != ok {
		return fmt.Errorf("%s: the engine says %v, the second reading %v", what, err, ok)
	}
	return nil
}

// slackBytes is what may be counted beside the allocations of a decoder.
const slackBytes = 64 << 10

// bounded runs a decoder, once if all is well, and checks that it allocates no more
// than factor bytes for each of the n bytes of its input. The runtime counts small
// allocations by whole spans, and those of others are among them, so only an excess
// that comes every time is one.
func bounded(factor, n int, decode func()) error {
	sample := [1]metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	read := func() uint64 {
		metrics.Read(sample[:])
		return sample[0].Value.Uint64()
	}
	got, limit := uint64(0), uint64(factor*n+slackBytes)
	for range 5 {
		before := read()
		decode()
		if got = read() - before; got <= limit {
			return nil
		}
	}
	return fmt.Errorf("%d bytes allocated for an input of %d", got, n)
}

// reader takes the parts of a recipe from its bytes; behind the end it gives
// zeros, so that every input is a recipe.
type reader struct{ rest []byte }

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) u16() int { return int(r.byte()) | int(r.byte())<<8 }

func (r *reader) bytes(n int) []byte {
	n = min(n, len(r.rest))
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) empty() bool { return len(r.rest) == 0 }
