package main

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

func TestPutGetDel(t *testing.T) {
	s := newDatabase(t)
	assert.Empty(t, s.must("put --path DB greeting hello"))
	assert.Equal(t, "hello", s.must("get --path DB greeting"), "the bytes alone")
	s.must("put --path DB greeting", "") // an empty value is a value
	assert.Empty(t, s.must("get --path DB greeting"))
	assert.Empty(t, s.must("del --path DB greeting"))
	for _, command := range []string{"get", "del"} {
		got := s.run(command + " --path DB greeting")
		assert.Equal(t, outcome{exitKeyNotFound, "", "quiverdb: key not found: greeting\n"}, got)
	}
}

func TestNamesOfVersion12(t *testing.T) {
	for _, form := range []string{"db", "db-"} {
		s := newSession(t)
		s.must(form + "init --path DB --page-size 8192 --buckets 3")
		s.must(form + "put --path DB --key alpha --value 1")
		assert.Equal(t, "1", s.must(form+"get --path DB --key alpha"))
		assert.Equal(t, "[{\"key_hex\":\"616c706861\",\"value_hex\":\"31\",\"key_len\":5,\"value_len\":1}]\n",
			s.must(form+"scan --path DB --prefix al --json"))
		assert.Contains(t, s.must(form+"stats --path DB --json"), `"page_size": 8192`)
		s.must(form + "del --path DB --key alpha")
		assert.Empty(t, s.must(form+"scan --path DB"))
	}
	help := newSession(t).must("help") + newSession(t).must("put --help")
	assert.NotContains(t, help, "dbput")
	assert.NotContains(t, help, "db-put")
}

func TestNotation(t *testing.T) {
	s := newDatabase(t)
	binary := "\x00\xff\n\x80"
	file := s.write("value.bin", binary)
	s.must("put --path DB hex:00FF @" + file)
	assert.Equal(t, binary, s.must("get --path DB hex:00ff"))
	s.input(binary).must("put --path DB piped -")
	assert.Equal(t, binary, s.must("get --path DB piped"))
	s.input("piped").must("del --path DB -")
	s.must("put --path DB --", "-dashed", "-v")
	assert.Equal(t, "-v", s.must("get --path DB --key=-dashed"))
	s.must("put --path DB --value named positional")
	assert.Equal(t, "named", s.must("get --path DB positional"))
	s.must("put --path DB", "", "of the empty key")
	assert.Equal(t, "of the empty key", s.must("get --path DB", ""))
}

func TestGetOnATerminal(t *testing.T) {
	s := newDatabase(t)
	for value, shown := range map[string]string{
		"plain":       "plain\n",
		"two\nlines":  "two\nlines\n",
		"grüße":       "grüße\n",
		"\x1b[31mred": "hex:1b5b33316d726564\n",
		"\xff":        "hex:ff\n",
		"hex:00":      "hex:6865783a3030\n",
		"@file":       "hex:4066696c65\n",
		"":            "\n",
	} {
		s.terminal = false
		s.must("put --path DB k", "hex:"+hex.EncodeToString([]byte(value)))
		s.terminal = true
		assert.Equal(t, shown, s.must("get --path DB k"))
		assert.Equal(t, value, s.must("get --path DB k --raw"))
	}
}

func TestGetIntoAFile(t *testing.T) {
	s := newDatabase(t)
	s.must("put --path DB k value")
	file := filepath.Join(t.TempDir(), "out")
	assert.Empty(t, s.must("get --path DB k --out "+file))
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, "value", string(content))

	s.env["P1_DB_GET_OUT"] = file + "2"
	assert.Empty(t, s.must("get --path DB k"))
	assert.FileExists(t, file+"2")
	assert.Equal(t, exitKeyNotFound, s.run("get --path DB nothing --out "+file+"3").code)
	assert.NoFileExists(t, file+"3")
	assert.Equal(t, exitFailed, s.run("get --path DB k --out "+filepath.Join(file, "below")).code)
}

// What scan prints is an interface that scripts read.
func TestScanFormats(t *testing.T) {
	s := newDatabase(t)
	for _, format := range []string{"text", "hex", "json"} {
		assert.Empty(t, s.must("scan --path DB --format "+format), "no pairs, no line")
	}
	assert.Equal(t, "[]\n", s.must("scan --path DB --json"))
	for _, pair := range [][2]string{{"b", "2"}, {"hex:00ff", "hex:0a"}, {"ab", ""}, {"a b", "@"}} {
		s.must("put --path DB --key", pair[0], "--value", strings.ReplaceAll(pair[1], "@", "hex:40"))
	}
	assert.Equal(t, "hex:00ff\thex:0a\na b\thex:40\nab\t\nb\t2\n", s.must("scan --path DB --sorted"))
	assert.Equal(t, "00ff 0a\n612062 40\n6162 \n62 32\n", s.must("scan --path DB --format hex"))
	assert.Equal(t, "612062 40\n6162 \n", s.must("scan --path DB --format hex --prefix a"))
	assert.Equal(t, "00ff 0a\n", s.must("scan --path DB --format hex --prefix hex:00"))
	assert.Empty(t, s.must("scan --path DB --format hex --prefix c"))
	assert.Equal(t, `{"key_hex":"6162","value_hex":"","key_len":2,"value_len":0}
{"key_hex":"62","value_hex":"32","key_len":1,"value_len":1}
`, s.must("scan --path DB --format json --prefix ab --sorted")+s.must("scan --path DB --format json --prefix b"))
	assert.Equal(t, `[{"key_hex":"612062","value_hex":"40","key_len":3,"value_len":1},
{"key_hex":"6162","value_hex":"","key_len":2,"value_len":0}]
`, s.must("scan --path DB --json --prefix a --sorted"))
	assert.Len(t, strings.Split(s.must("scan --path DB"), "\n"), 5)
}

func TestInitAgain(t *testing.T) {
	s := newSession(t)
	assert.Equal(t, s.path+" is a new database: pages of 4096 bytes, 128 buckets\n", s.must("init --path DB"))
	s.must("put --path DB k v")
	before := fingerprint(t, s.path)
	already := s.path + " is a database already\n"
	assert.Equal(t, already, s.must("init --path DB"))
	assert.Equal(t, already, s.must("init --path DB --page-size 4096"))
	assert.Equal(t, already, s.must("init --path DB --page-size 4096 --buckets 128"))
	for _, other := range []string{"--page-size 8192", "--buckets 4", "--page-size 4096 --buckets 4"} {
		got := s.run("init --path DB " + other)
		assert.Equal(t, exitFailed, got.code, other)
		assert.Contains(t, got.err, "4096 bytes and 128 buckets", other)
	}
	assert.Equal(t, before, fingerprint(t, s.path))
}

// A put that costs megabytes would show in every small program that uses the
// command: the log and the segments grow in small steps.
func TestAPutWritesLittle(t *testing.T) {
	s := newSession(t)
	s.must("init --path DB")
	var written atomic.Int64
	s.fs = hookedFS{vfs.OS(), func(_, op string, n int64) error {
		written.Add(n)
		return nil
	}}
	s.must("put --path DB key value")
	assert.Less(t, written.Load(), int64(512<<10), "bytes written and reserved by one put")
	assert.Positive(t, written.Load(), "nothing went through the file system of the test")
}
