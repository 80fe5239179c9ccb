package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDumpAndLoadRoundTrip(t *testing.T) {
	const seed = 1
	r := rand.New(rand.NewPCG(seed, seed))
	random := func(most int) []byte {
		b := make([]byte, r.IntN(most))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	s := newDatabase(t)
	var lines strings.Builder
	for i := range 300 {
		most := 200
		if i%50 == 0 {
			most = 20_000
		}
		fmt.Fprintf(&lines, `{"key_hex":"%x","value_hex":"%x"}`+"\n", append(random(20), byte(i), byte(i>>8)), random(most))
	}
	lines.WriteString(`{"key_hex":"","value_hex":"ff00000000000000000000000000000000ff"}` + "\n")
	s.input(lines.String()).must("load --path DB --batch 7")
	want := s.must("scan --path DB --format hex")
	require.Equal(t, 301, strings.Count(want, "\n"))

	for _, line := range []string{"dump --path DB", "dump --path DB --format b64", "dump --path DB --sorted", "scan --path DB --format json"} {
		dumped := s.run(line)
		require.Equal(t, exitDone, dumped.code, dumped.err)
		if strings.HasPrefix(line, "dump") {
			assert.Regexp(t, `^dumped 301 records, \S+ KiB\n$`, dumped.err)
		}
		copied := newSession(t)
		copied.input(dumped.out).must("load --path DB --init")
		assert.Equal(t, want, copied.must("scan --path DB --format hex"), line)
	}
	sorted := s.run("dump --path DB --sorted --prefix hex:00").out
	assert.True(t, strings.HasPrefix(sorted, `{"key_hex":"00`), sorted)
	assert.Equal(t, "", s.run("dump --path DB --prefix none").out)
	assert.Contains(t, s.run("dump --path DB --json").err, `{"type":"dumped","records":301,`)
}

func TestLoadForms(t *testing.T) {
	s := newDatabase(t)
	file := s.write("pairs.jsonl", `{"key":"text","value":"grüße \ud83d\ude00"} {"key_b64":"YQ==","value_b64":""}
{"key_hex":"4B","value":"mixed","note":"other fields do no harm"}`)
	out := s.input(`{"key":"piped","value_b64":"\/\/8="}`).must("load --path DB - " + file)
	assert.Regexp(t, `^loaded 4 records, \d+ B in \d+\.\d\d s, .+/s\n$`, out)
	assert.Equal(t, "grüße 😀", s.must("get --path DB text"))
	assert.Equal(t, "\xff\xff", s.must("get --path DB piped"))
	assert.Equal(t, "mixed", s.must("get --path DB K"))
	assert.Empty(t, s.must("get --path DB a"))
}

func TestLoadRefusesBadRecords(t *testing.T) {
	for _, bad := range []string{
		`{`, `{"key":"k"}`, `{"value":"v"}`, `{"key":"k","key_hex":"6b","value":"v"}`, `{"key":"k","value":"v","value_b64":""}`,
		`{"key_hex":"6","value":"v"}`, `{"key_hex":"zz","value":"v"}`, `{"key_b64":"YQ","value":"v"}`, `{"key":1,"value":"v"}`,
		`{"key_hex":1,"value":"v"}`, `{"key":null,"value":"v"}`, `[]`, `"text"`, `key,value`,
		`{"key":"\ud83d","value":"v"}`, `{"key":"\ude00\ud83d","value":"v"}`, "{\"key\":\"\xff\",\"value\":\"v\"}",
		`{"key_hex":"` + strings.Repeat("00", 5000) + `","value":"v"}`,
	} {
		s := newDatabase(t)
		got := s.input(`{"key":"first","value":"1"}` + "\n" + bad).run("load --path DB --batch 1")
		assert.Equal(t, exitUsage, got.code, "%s: %s", shortened(bad), got.err)
		assert.Contains(t, got.err, "standard input: record 2", shortened(bad))
		assert.Contains(t, got.err, "(1 pairs before it were put)")
		assert.Equal(t, "1", s.must("get --path DB first"))
	}
}

// A batch that the engine refuses says nothing about which of its pairs is at fault.
func TestLoadNamesThePairThatIsTooLarge(t *testing.T) {
	s := newDatabase(t)
	long := strings.Repeat("k", 5000)
	got := s.input(`{"key":"first","value":"1"}{"key":"` + long + `","value":"2"}{"key":"third","value":"3"}`).run("load --path DB --json")
	assert.Equal(t, exitUsage, got.code)
	assert.Contains(t, got.err, "standard input: record 2: too large: key of 5000 bytes")
	assert.Contains(t, got.err, `"kind":"too_large"`)
}

func TestLoadRefusesBadFlags(t *testing.T) {
	s := newDatabase(t)
	tree := filepath.Dir(s.write("tree/a", "1"))
	for _, line := range []string{
		"--batch 0", "--batch 5000", "--exclude x", "--tree " + tree + " pairs.jsonl", "--tree /no/such/folder",
		"--tree " + filepath.Join(tree, "a"), "--tree " + tree + " --exclude [", "- -", "/no/such/file", tree, "--tree DB",
		"--tree " + filepath.Dir(s.write("db/inside/a", "1")),
	} {
		got := s.run("load --path DB " + line)
		assert.Equal(t, exitUsage, got.code, "%s: %s", line, got.err)
	}
	assert.Empty(t, s.must("scan --path DB"))
}

// The limit of a line is memory, not a buffer.
func TestLoadLongLine(t *testing.T) {
	s := newDatabase(t)
	value := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // 16 MiB
	s.input(`{"key":"large","value_hex":"` + hex.EncodeToString(value) + `"}`).must("load --path DB")
	assert.True(t, s.must("get --path DB large") == string(value), "the value came back changed")
}

func TestLoadTree(t *testing.T) {
	s := newSession(t)
	root := filepath.Dir(s.path)
	s.write("b.txt", "b")
	s.write("a/deep/x.o", "object")
	s.write("a/deep/x.c", "source")
	s.write("a/empty", "")
	s.write("skip/y", "excluded folder")
	s.write("a/skip2", "excluded path")
	s.write(".git/config", "git is nothing special")
	links := 0
	if runtime.GOOS != "windows" { // where a link needs a privilege
		require.NoError(t, os.Symlink("b.txt", filepath.Join(root, "link")))
		require.NoError(t, os.Symlink("a", filepath.Join(root, "a", "loop")))
		links = 2
	}
	args := []string{"--exclude", "*.o", "--exclude", "skip", "--exclude", "a/skip?"}
	out := s.must("load --path DB --init --tree "+root, args...)
	assert.Regexp(t, fmt.Sprintf(`^loaded 4 records, .*; left out: %d symbolic links, 0 special files, 3 excluded, 1 database\n$`, links), out)
	assert.Equal(t, ".git/config\tgit is nothing special\na/deep/x.c\tsource\na/empty\t\nb.txt\tb\n", s.must("scan --path DB --sorted"))

	// Loading again changes nothing, also through a link to the folder.
	if links > 0 {
		other := filepath.Join(t.TempDir(), "link")
		require.NoError(t, os.Symlink(root, other))
		root = other
	}
	var again struct {
		Records int
		Skipped treeCounts
	}
	require.NoError(t, json.Unmarshal([]byte(s.must("load --path DB --json --tree "+root, args...)), &again))
	assert.Equal(t, 4, again.Records)
	assert.Equal(t, treeCounts{Symlinks: int64(links), Excluded: 3, Database: 1}, again.Skipped)
	assert.Equal(t, 4, strings.Count(s.must("scan --path DB"), "\n"))
}

// Progress is for people: there is a bar on a terminal, and not a byte elsewhere.
func TestProgress(t *testing.T) {
	s := newDatabase(t)
	s.bars = true
	file := s.write("pairs.jsonl", strings.Repeat(`{"key":"k","value":"v"}`+"\n", 1000))
	s.must("load --path DB " + file) // nothing on standard error
	s.terminal = true
	got := s.run("load --path DB " + file)
	assert.Equal(t, exitDone, got.code)
	assert.Contains(t, got.err, "loading")
	s.env["TERM"] = "dumb"
	s.must("load --path DB " + file)
}
