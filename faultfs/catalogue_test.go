package faultfs_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/quiverdb/quiverdb-go/faultfs"
)

// TestCatalogue compares the list of errors with the table of the fault model:
// every error of a kind of call with every effect.
func TestCatalogue(t *testing.T) {
	const places = "1 S-1 S half len-1"
	for _, row := range []struct {
		kinds   faultfs.Kind
		errors  string
		effects string // "-" is before anything is done
		silent  string
	}{
		{faultfs.KindWrite, "EIO ENOSPC EDQUOT EROFS EFBIG", "- done " + each("after=", places), each("short=", places)},
		{faultfs.KindRead, "EIO EAGAIN", "-", each("short=", places) + " " + each("eof=", "0 "+places)},
		{faultfs.KindFsync, "EIO ENOSPC EDQUOT", "- F1 F2 F3 F4 F5=5555555555555555 F5=aaaaaaaaaaaaaaaa", ""},
		{faultfs.KindOpen | faultfs.KindCreate, "EMFILE ENFILE ENOSPC EACCES EROFS ENOENT EINTR", "-", ""},
		{faultfs.KindRename | faultfs.KindRemove | faultfs.KindTruncate | faultfs.KindMkdir | faultfs.KindAllocate,
			"EIO ENOSPC EROFS EBUSY EXDEV", "- done", ""},
		{faultfs.KindClose | faultfs.KindUnlock, "EIO EDQUOT EINTR", "-", ""},
		{faultfs.KindReadDir, "EIO", "-", "stale shuffle=1"},
		{faultfs.KindStat | faultfs.KindSize, "EIO", "-", "stale"},
		{faultfs.KindLock, "EIO EAGAIN", "-", ""}, // EWOULDBLOCK is another name of it
	} {
		for rest := row.kinds; rest != 0; rest &= rest - 1 {
			kind := rest &^ (rest - 1)
			var want []string
			for _, no := range strings.Fields(row.errors) {
				for _, effect := range strings.Fields(row.effects) {
					want = append(want, strings.TrimSuffix(kind.String()+"/*#1:"+no+":"+effect, ":-"))
				}
			}
			for _, effect := range strings.Fields(row.silent) {
				want = append(want, kind.String()+"/*#1:ok:"+effect)
			}
			var got []string
			for _, f := range faultfs.Errors(kind) {
				got = append(got, strings.Replace(faultfs.Plan{f}.String(), "EWOULDBLOCK", "EAGAIN", 1))
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("errors of %v are %q\nwant %q", kind, got, want)
			}
		}
	}
}

// each is a prefix before each word of a text.
func each(prefix, words string) string {
	return prefix + strings.ReplaceAll(words, " ", " "+prefix)
}
