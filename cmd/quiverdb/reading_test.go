package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// readingCommands look and touch nothing.
func readingCommands() []string {
	return []string{
		"get --path DB k", "get --path DB missing", "scan --path DB --format hex", "scan --path DB --json", "dump --path DB",
		"stats --path DB", "status --path DB", "check --path DB", "check --path DB --strict", "init --path DB", "init --path DB --buckets 4",
	}
}

func TestReadingCommandsChangeNothing(t *testing.T) {
	states := map[string]func(*session){
		"closed":  func(*session) {},
		"crashed": crash,
		"no lock": func(s *session) { require.NoError(s.t, os.Remove(filepath.Join(s.path, "LOCK"))) },
	}
	for name, state := range states {
		t.Run(name, func(t *testing.T) {
			s := newDatabase(t)
			s.must("put --path DB k v")
			s.must("put --path DB large", strings.Repeat("x", 100_000))
			state(s)
			before := fingerprint(t, s.path)
			for _, line := range readingCommands() {
				got := s.run(line)
				assert.NotEqual(t, exitFailed, got.code, "%s: %s", line, got.err)
				assert.Equal(t, before, fingerprint(t, s.path), line)
			}
			assert.Equal(t, "v", s.must("get --path DB k"))
		})
	}
}

// crash puts a copy of the database in its place that was made while a writer
// had it open: what is left when the process is killed.
func crash(s *session) {
	s.t.Helper()
	db, err := quiver.Open(s.path, &quiver.Options{})
	require.NoError(s.t, err)
	require.NoError(s.t, db.Put([]byte("k2"), []byte("v2")))
	left := s.path + "-crashed"
	require.NoError(s.t, os.CopyFS(left, os.DirFS(s.path)))
	require.NoError(s.t, db.Close())
	s.path = left
}

func TestACrashedDatabaseIsReadWhole(t *testing.T) {
	s := newDatabase(t)
	s.must("put --path DB k v")
	crash(s)
	assert.Equal(t, "6b 76\n6b32 7632\n", s.must("scan --path DB --format hex"))
	s.must("checkpoint --path DB")
	assert.Equal(t, "6b 76\n6b32 7632\n", s.must("scan --path DB --format hex"))
	s.must("check --path DB")
}

// Each command with --json prints exactly one JSON value.
func TestJSONIsOneValue(t *testing.T) {
	s := newDatabase(t)
	tree := filepath.Dir(s.write("tree/a", "content"))
	for _, line := range []string{
		"init --path DB", "put --path DB k v", "get --path DB k", "scan --path DB", "stats --path DB", "status --path DB",
		"checkpoint --path DB", "check --path DB", "load --path DB", "load --path DB --tree " + tree, "version", "del --path DB k",
	} {
		out := s.must(line + " --json")
		dec := json.NewDecoder(strings.NewReader(out))
		var v any
		require.NoError(t, dec.Decode(&v), "%s: %s", line, out)
		assert.NotEmpty(t, v, line)
		assert.Equal(t, io.EOF, dec.Decode(&v), "%s prints more than one value", line)
	}
}

func TestJSONByEnvironment(t *testing.T) {
	s := newDatabase(t)
	for command, variable := range map[string]string{"status": "P1_STATUS_JSON", "stats": "P1_DBSTATS_JSON"} {
		plain := s.must(command + " --path DB")
		s.env[variable] = "0"
		assert.Equal(t, plain, s.must(command+" --path DB"))
		s.env[variable] = "1"
		assert.True(t, json.Valid([]byte(s.must(command+" --path DB"))), command)
		assert.Equal(t, plain, s.must(command+" --path DB --json=false"), "the flag outweighs the environment")
		delete(s.env, variable)
	}
}

func TestStatsInWords(t *testing.T) {
	s := newDatabase(t)
	s.must("put --path DB k v")
	out := s.must("stats --path DB")
	assert.Regexp(t, `(?m)^page size +4,096$`, out)
	assert.Regexp(t, `(?m)^buckets +4$`, out)
	assert.Regexp(t, `(?m)^path +`+s.path+`$`, s.must("status --path DB"))
}

// damagePage changes a byte in the middle of every page of the first segment.
func damagePages(s *session) {
	s.t.Helper()
	file := filepath.Join(s.path, "data-000001.p1seg")
	content, err := os.ReadFile(file)
	require.NoError(s.t, err)
	require.NotEmpty(s.t, content)
	for i := 2048; i < len(content); i += 4096 {
		content[i] ^= 1
	}
	require.NoError(s.t, os.WriteFile(file, content, 0o666))
}

func TestCheck(t *testing.T) {
	s := newDatabase(t)
	s.must("put --path DB k v")
	assert.Contains(t, s.must("check --path DB"), "0 findings\n")
	damagePages(s)
	got := s.run("check --path DB")
	assert.Equal(t, exitFindings, got.code, got.err)
	assert.Empty(t, got.err, "findings are a result")
	assert.Contains(t, got.out, "error: ")
	assert.Contains(t, got.out, "data-000001.p1seg, page ")

	got = s.run("check --path DB --json")
	assert.Equal(t, exitFindings, got.code)
	var report struct{ Findings []map[string]any }
	require.NoError(t, json.Unmarshal([]byte(got.out), &report))
	assert.NotEmpty(t, report.Findings)
	assert.Equal(t, exitCorrupt, s.run("scan --path DB").code)
}
