// Command bench makes the calls of bench.py in Go, on the same database, and
// prints what each took as a JSON object: nanoseconds a call or pair.
//
//	bench DATABASE PAIRS PUTS
package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// As in bench.py: what keys are visited by, and how many gets are timed together.
const (
	step    = 7919
	stretch = 1000
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("wanted DATABASE PAIRS PUTS, not %q", args)
	}
	pairs, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	puts, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	took := map[string]float64{}
	for name, o := range map[string]quiver.Options{"put": {}, "put, log only": {NoDataFsync: true}} {
		db, err := quiver.Open(args[0], &o)
		if err != nil {
			return err
		}
		if err := measure(db, name, pairs, puts, took); err != nil {
			return err
		}
		if err := db.Close(); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(took)
}

func measure(db *quiver.DB, put string, pairs, puts int, took map[string]float64) error {
	key := func(i int) []byte { return fmt.Appendf(nil, "key-%012d", i) }
	value := make([]byte, 100)
	began := time.Now()
	for i := range puts {
		if err := db.Put(key(i), value); err != nil {
			return err
		}
	}
	took[put] = each(began, puts)

	keys := make([][]byte, pairs)
	for i := range keys {
		keys[i] = key(i * step % pairs)
	}
	same := slices.Repeat(keys[:1], pairs)
	for name, order := range map[string][][]byte{"get": keys, "get, one key": same} {
		best, err := gets(db, order)
		if err != nil {
			return err
		}
		keep(took, name, best)
	}

	for range 3 {
		began = time.Now()
		n := 0
		for _, err := range db.Scan(quiver.ScanOptions{}) {
			if err != nil {
				return err
			}
			n++
		}
		keep(took, "scan", each(began, n))
	}
	return nil
}

// keep: the best counts, as in bench.py.
func keep(took map[string]float64, name string, ns float64) {
	if best, measured := took[name]; !measured || ns < best {
		took[name] = ns
	}
}

// gets gives the best of stretches of calls.
func gets(db *quiver.DB, keys [][]byte) (float64, error) {
	best := math.Inf(1)
	for len(keys) > 0 {
		n := min(stretch, len(keys))
		began := time.Now()
		for _, k := range keys[:n] {
			if _, found, err := db.Get(k); err != nil || !found {
				return 0, fmt.Errorf("get %s: %v, %w", k, found, err)
			}
		}
		best, keys = min(best, each(began, n)), keys[n:]
	}
	return best, nil
}

func each(began time.Time, n int) float64 {
	return float64(time.Since(began).Nanoseconds()) / float64(n)
}
