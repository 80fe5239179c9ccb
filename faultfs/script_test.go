package faultfs_test

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

// script runs a small program on a disk, statements separated by ";". A
// leading "!" says that the statement must fail, all others must not.
//
//	create F | open F | close F | write F OFF TEXT | trunc F SIZE | alloc F OFF LEN | sync F | datasync F
//	mkdir D | syncdir D | rename A B | remove A | lock F | fault PLAN | heal | kill | power | settle
//
// TEXT is letters, each with an optional count: "A512B2". Every file has one
// handle, opened on first use. kill and power go on with a new disk. All
// numbers of bytes are multiplied by scale.
type script struct {
	t     *testing.T
	fs    *faultfs.FS
	files map[string]vfs.File
	scale int
}

func newScript(t *testing.T, fs *faultfs.FS) *script {
	return &script{t: t, fs: fs, files: map[string]vfs.File{}, scale: 1}
}

// sectorSizes are what tests written for sectors of 512 bytes run on, each
// with all numbers of bytes scaled to it.
var sectorSizes = []int{512, 4096}

// newScaledScript runs a program written for sectors of 512 bytes on a disk
// with other sectors.
func newScaledScript(t *testing.T, sector int) *script {
	s := newScript(t, faultfs.New(faultfs.Options{Sector: sector}))
	s.scale = sector / 512
	return s
}

// scaled is what show writes for disks described in sectors of 512 bytes.
func (s *script) scaled(disks ...string) []string {
	list := make([]string, len(disks))
	for i, disk := range disks {
		parts := strings.Fields(disk)
		for j, part := range parts {
			if name, text, isFile := strings.Cut(part, "="); isFile {
				parts[j] = name + "=" + pack(scaleText(text, s.scale))
			}
		}
		list[i] = strings.Join(parts, " ")
	}
	return list
}

func scaleText(text string, scale int) []byte {
	var out []byte
	for _, c := range unpack(text) {
		out = append(out, bytes.Repeat([]byte{c}, scale)...)
	}
	return out
}

func (s *script) run(text string) {
	s.t.Helper()
	for _, line := range strings.Split(text, ";") {
		line, fails := strings.CutPrefix(strings.TrimSpace(line), "!")
		if line == "" {
			continue
		}
		if err := s.do(strings.Fields(line)); (err != nil) != fails {
			s.t.Fatalf("%s: error %v, want one: %v", line, err, fails)
		}
	}
}

func (s *script) do(w []string) error {
	arg := func(i int) string { return "/" + strings.TrimPrefix(w[i], "/") }
	switch w[0] {
	case "create", "open":
		delete(s.files, w[1])
		_, err := s.file(w[1], w[0] == "create")
		return err
	case "mkdir":
		return s.fs.Mkdir(arg(1))
	case "syncdir":
		return s.fs.SyncDir(arg(1))
	case "rename":
		return s.fs.Rename(arg(1), arg(2))
	case "remove":
		return s.fs.Remove(arg(1))
	case "lock":
		_, err := s.fs.Lock(arg(1), true)
		return err
	case "fault":
		plan, err := faultfs.ParsePlan(strings.Join(w[1:], " "))
		s.fs.Inject(plan)
		return err
	case "heal":
		s.fs.Inject(nil)
	case "kill":
		s.fs, s.files = s.fs.State().Kill(), map[string]vfs.File{}
	case "power":
		s.fs, s.files = s.fs.State().Crash(faultfs.None()), map[string]vfs.File{}
	case "settle":
		s.fs.SyncAll()
	default:
		return s.doFile(w)
	}
	return nil
}

func (s *script) doFile(w []string) error {
	f, err := s.file(w[1], false)
	if err != nil {
		return err
	}
	num := func(i int) int64 {
		n, err := strconv.ParseInt(w[i], 10, 64)
		if err != nil {
			s.t.Fatalf("%v: %v", w, err)
		}
		return n * int64(s.scale)
	}
	switch w[0] {
	case "write":
		_, err = f.WriteAt(scaleText(w[3], s.scale), num(2))
	case "trunc":
		err = f.Truncate(num(2))
	case "alloc":
		err = f.Allocate(num(2), num(3))
	case "sync":
		err = f.Sync()
	case "datasync":
		err = f.SyncData()
	case "close":
		delete(s.files, w[1])
		err = f.Close()
	default:
		s.t.Fatalf("unknown statement %v", w)
	}
	return err
}

func (s *script) file(name string, create bool) (vfs.File, error) {
	if f := s.files[name]; f != nil {
		return f, nil
	}
	flag := vfs.Write
	if create {
		flag |= vfs.Create | vfs.Exclusive
	}
	f, err := s.fs.OpenFile("/"+name, flag)
	if err == nil {
		s.files[name] = f
	}
	return f, err
}

// unpack turns "A512B" into 512 letters A and one B; "." is a zero byte.
func unpack(text string) []byte {
	var out []byte
	for i := 0; i < len(text); {
		c := text[i]
		i++
		j := i
		for j < len(text) && text[j] >= '0' && text[j] <= '9' {
			j++
		}
		n := 1
		if j > i {
			n, _ = strconv.Atoi(text[i:j])
		}
		if c == '.' {
			c = 0
		}
		out = append(out, strings.Repeat(string(rune(c)), n)...)
		i = j
	}
	return out
}

// pack is the other way round; other bytes than letters stand as they are.
func pack(data []byte) string {
	var b strings.Builder
	for i := 0; i < len(data); {
		j := i
		for j < len(data) && data[j] == data[i] {
			j++
		}
		c := data[i]
		if c == 0 {
			c = '.'
		}
		b.WriteByte(c)
		if j-i > 1 {
			b.WriteString(strconv.Itoa(j - i))
		}
		i = j
	}
	return b.String()
}

// show writes the live view as "a=A512 d/ d/b=", "-" when there is nothing.
func show(t *testing.T, f *faultfs.FS) string {
	t.Helper()
	var parts []string
	var walk func(dir string)
	walk = func(dir string) {
		infos, err := f.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, in := range infos {
			full := path.Join(dir, in.Name)
			if in.Dir {
				parts = append(parts, full[1:]+"/")
				walk(full)
				continue
			}
			data, err := f.ReadFile(full)
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, full[1:]+"="+pack(data))
		}
	}
	walk("/")
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, " ")
}

// outcomes is every disk that a power cut in this state may leave, sorted.
func outcomes(t *testing.T, s *faultfs.State, e faultfs.Enum) []string {
	t.Helper()
	var list []string
	digests := map[faultfs.Digest]string{}
	for im := range s.Images(e) {
		text := show(t, im.FS())
		if !slices.Contains(list, text) {
			list = append(list, text)
		}
		if was, ok := digests[im.Digest]; ok && was != text {
			t.Fatalf("digest %v for %q and %q", im.Digest, was, text)
		}
		digests[im.Digest] = text
	}
	if len(digests) != len(list) {
		t.Fatalf("%d digests for %d different disks", len(digests), len(list))
	}
	slices.Sort(list)
	return list
}

func diffSets(got, want []string) string {
	var b strings.Builder
	for _, w := range want {
		if !slices.Contains(got, w) {
			fmt.Fprintf(&b, "\n  allowed but never reached: %s", w)
		}
	}
	for _, g := range got {
		if !slices.Contains(want, g) {
			fmt.Fprintf(&b, "\n  reached but forbidden: %s", g)
		}
	}
	return b.String()
}
