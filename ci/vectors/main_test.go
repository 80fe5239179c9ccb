package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCompareSeesEveryDifference(t *testing.T) {
	e, err := parseExpectation([]byte(`{"pairs":[["ff","00"],["0a",""]]}`))
	require.NoError(t, err)
	cases := []struct {
		name, scanned string
		same          bool
	}{
		{"the same, sorted", "0a \nff 00\n", true},
		{"without the last newline", "0a \nff 00", true},
		{"a pair is missing", "0a \n", false},
		{"a pair too many", "0a \nff 00\nff 01\n", false},
		{"another value", "0a \nff 01\n", false},
		{"another key", "0a \nfe 00\n", false},
		{"not sorted", "ff 00\n0a \n", false},
		{"no blank", "0a\nff 00\n", false},
		{"nothing", "", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := e.compare(strings.NewReader(c.scanned))
			assert.Equal(t, c.same, err == nil, "%v", err)
		})
	}
}

func TestCompareDigest(t *testing.T) {
	const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	e, err := parseExpectation([]byte(`{"pairs_digest":[["6b",3,"` + abc + `"]]}`))
	require.NoError(t, err)
	assert.NoError(t, e.compare(strings.NewReader("6b 616263\n")))
	assert.Error(t, e.compare(strings.NewReader("6b 616264\n")))
	assert.Error(t, e.compare(strings.NewReader("6b 61626\n")))
}

func TestExpectationMustSayWhatItExpects(t *testing.T) {
	_, err := parseExpectation([]byte(`{"name":"x"}`))
	assert.Error(t, err)
	e, err := parseExpectation([]byte(`{"pairs":[],"must_refuse_without_salvage":true}`))
	require.NoError(t, err)
	assert.True(t, e.Refused)
	assert.NoError(t, e.compare(strings.NewReader("")))
}

func TestUnchangedSeesEveryChange(t *testing.T) {
	cases := []struct {
		name  string
		do    func(dir string) error
		alike bool
	}{
		{"nothing", func(string) error { return nil }, true},
		{"a lock", func(dir string) error { return os.WriteFile(filepath.Join(dir, "LOCK"), []byte("x"), 0o600) }, true},
		{"a byte", func(dir string) error { return os.WriteFile(filepath.Join(dir, "meta"), []byte("b"), 0o600) }, false},
		{"a new file", func(dir string) error { return os.WriteFile(filepath.Join(dir, "free"), nil, 0o600) }, false},
		{"a file gone", func(dir string) error { return os.Remove(filepath.Join(dir, "meta")) }, false},
		{"a failure", func(string) error { return errors.New("failed") }, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "meta"), []byte("a"), 0o600))
			err := unchanged(dir, func() error { return c.do(dir) })
			assert.Equal(t, c.alike, err == nil, "%v", err)
		})
	}
}

func TestRunNeedsItsFlags(t *testing.T) {
	assert.Equal(t, 2, run(t.Context(), nil, io.Discard, io.Discard))
	assert.Equal(t, 1, run(t.Context(), []string{"-bin", "nothing", "-dir", t.TempDir()}, io.Discard, io.Discard))
}
