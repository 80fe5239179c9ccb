package vfs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"
)

// maxHolder bounds, in bytes, what is told of the content of a lock file.
const maxHolder = 256

// NewLockedError is the error of a Lock on path, where content is what stands
// in the lock file. Anybody may have written it: it is cut to 256 bytes, and
// only what can be printed on one line is kept.
func NewLockedError(path string, content []byte) *LockedError {
	return &LockedError{Path: path, Holder: printable(string(content), maxHolder)}
}

// HolderText describes this process for Lock.SetHolder: process id, host,
// now as the start, and program. It is one printable line under 200 bytes.
func HolderText(now time.Time) string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "unknown host"
	}
	program := "unknown program"
	if len(os.Args) > 0 && os.Args[0] != "" {
		program = filepath.Base(os.Args[0])
	}
	return holderText(now, os.Getpid(), host, program)
}

func holderText(now time.Time, pid int, host, program string) string {
	return fmt.Sprintf("pid %d on %s since %s (%s)", pid, printable(host, 64),
		now.UTC().Format(time.RFC3339), printable(program, 64))
}

// printable keeps the printable characters of the first limit bytes of text.
func printable(text string, limit int) string {
	text = strings.ToValidUTF8(text[:min(len(text), limit)], "")
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	return strings.TrimSpace(text)
}

// ProcessID is the number of this process.
func ProcessID() int { return os.Getpid() }
