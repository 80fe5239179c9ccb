// Command corpus carries inputs between the files of go test and the raw files of
// other fuzzing engines.
//
//	corpus OUT              packs the committed inputs of every target into
//	                        OUT/<target>_seed_corpus.zip, raw
//	corpus -add DIR FILE…   writes raw files as inputs of go test into DIR
//
// It runs in the folder that holds go.mod.
package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

const header = "go test fuzz v1\n"

func main() {
	add := flag.String("add", "", "folder of inputs of go test, such as fuzz/testdata/fuzz/FuzzPage")
	flag.Parse()
	err := run(*add, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "corpus:", err)
		os.Exit(1)
	}
}

func run(add string, args []string) error {
	if add != "" {
		for _, file := range args {
			if err := addRaw(add, file); err != nil {
				return err
			}
		}
		return nil
	}
	if len(args) != 1 {
		return fmt.Errorf("want one folder, got %q", args)
	}
	for _, pattern := range []string{"fuzz/testdata/fuzz/Fuzz*", "fuzz/folder/testdata/fuzz/Fuzz*", "quiver/internal/wal/testdata/fuzz/Fuzz*"} {
		dirs, err := filepath.Glob(pattern)
		if err != nil || len(dirs) == 0 {
			return fmt.Errorf("no inputs in %s: %w", pattern, err)
		}
		for _, dir := range dirs {
			if err := pack(dir, filepath.Join(args[0], filepath.Base(dir)+"_seed_corpus.zip")); err != nil {
				return err
			}
		}
	}
	return nil
}

// addRaw writes the bytes of a file as an input, under a name that follows from them.
func addRaw(dir, file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%x", sha256.Sum256(data))[:16]
	return os.WriteFile(filepath.Join(dir, name), fmt.Appendf(nil, "%s[]byte(%+q)\n", header, data), 0o644)
}

// pack puts the raw bytes of all inputs of a folder into a zip file.
func pack(dir, to string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return err
		}
		data, err := parse(text)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(dir, f.Name()), err)
		}
		w, err := z.Create(f.Name())
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(to, out.Bytes(), 0o644)
}

// parse reads an input that is one slice of bytes.
func parse(text []byte) ([]byte, error) {
	rest, ok := bytes.CutPrefix(text, []byte(header+"[]byte("))
	rest, ok2 := bytes.CutSuffix(bytes.TrimSpace(rest), []byte(")"))
	if !ok || !ok2 {
		return nil, fmt.Errorf("no input of one []byte")
	}
	s, err := strconv.Unquote(string(rest))
	return []byte(s), err
}
