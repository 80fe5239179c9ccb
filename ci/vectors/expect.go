package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// expectation is what must come out of a vector: lines of `scan --format hex`
// in their order, with long values as digests.
type expectation struct {
	Refused bool // without --salvage
	pairs   []pair
}

// pair: value is the value in hexadecimal, or what digestOf makes of it.
type pair struct {
	key, value string
	digest     bool
}

func loadExpectation(path string) (expectation, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return expectation{}, err
	}
	e, err := parseExpectation(text)
	if err != nil {
		return e, fmt.Errorf("%s: %w", path, err)
	}
	return e, nil
}

func parseExpectation(text []byte) (expectation, error) {
	var file struct {
		Pairs   *[][2]string         `json:"pairs"`
		Digest  [][3]json.RawMessage `json:"pairs_digest"`
		Refused bool                 `json:"must_refuse_without_salvage"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return expectation{}, err
	}
	e := expectation{Refused: file.Refused}
	if file.Pairs == nil && file.Digest == nil {
		return e, errors.New("neither pairs nor pairs_digest")
	}
	if file.Pairs != nil {
		for _, p := range *file.Pairs {
			e.pairs = append(e.pairs, pair{key: p[0], value: p[1]})
		}
	}
	for _, row := range file.Digest {
		var key, sum string
		var length int64
		for i, into := range []any{&key, &length, &sum} {
			if err := json.Unmarshal(row[i], into); err != nil {
				return e, fmt.Errorf("pairs_digest: %w", err)
			}
		}
		e.pairs = append(e.pairs, pair{key: key, value: fmt.Sprintf("%d bytes with sha256 %s", length, sum), digest: true})
	}
	// Hexadecimal in lower case sorts as the bytes do.
	slices.SortFunc(e.pairs, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	return e, nil
}

// compare reads lines `<key hex> <value hex>` and tells the first difference.
func (e expectation) compare(r io.Reader) error {
	lines := bufio.NewReaderSize(r, 1<<20)
	for i := 0; ; i++ {
		line, err := lines.ReadString('\n')
		if err == io.EOF && line == "" {
			if i < len(e.pairs) {
				return fmt.Errorf("%d pairs instead of %d; the first that is missing is %s", i, len(e.pairs), e.pairs[i].key)
			}
			return nil
		}
		if err != nil && err != io.EOF {
			return err
		}
		if i >= len(e.pairs) {
			return fmt.Errorf("more than %d pairs: %s", len(e.pairs), shortened(line))
		}
		if err := e.pairs[i].matches(strings.TrimSuffix(line, "\n")); err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
	}
}

func (p pair) matches(line string) error {
	key, value, ok := strings.Cut(line, " ")
	if !ok {
		return fmt.Errorf("no blank in %s", shortened(line))
	}
	if key != p.key {
		return fmt.Errorf("key %s instead of %s", shortened(key), shortened(p.key))
	}
	if p.digest {
		digest, err := digestOf(value)
		if err != nil {
			return err
		}
		value = digest
	}
	if value != p.value {
		return fmt.Errorf("key %s: value %s instead of %s", key, shortened(value), shortened(p.value))
	}
	return nil
}

func digestOf(valueHex string) (string, error) {
	value, err := hex.DecodeString(valueHex)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d bytes with sha256 %x", len(value), sha256.Sum256(value)), nil
}

func shortened(s string) string {
	const most = 100
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
