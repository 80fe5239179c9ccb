package vfstest

import (
	"fmt"
	"strings"

	"github.com/quiverdb/quiverdb-go/quiver/vfs"
)

func sizeCases() []testCase {
	return []testCase{
		{"truncate shrinks", truncateShrinks},
		{"truncate grows", truncateGrows},
		{"truncated bytes stay away", truncatedBytes},
		{"allocate", allocate},
		{"allocate over a gap", allocateGap},
		{"allocate then use", allocateThenUse},
	}
}

func zeros(n int) string { return strings.Repeat("\x00", n) }

func truncateShrinks(c *check) {
	text := strings.Repeat("abcdefg", block/7)
	f := c.create("file", text)
	for _, size := range []int{block / 2, 4096, 4095, 1, 0} {
		c.ok("Truncate", f.Truncate(int64(size)))
		c.holds("shrunk", f, text[:size])
	}
}

func truncateGrows(c *check) {
	f := c.create("file", "content")
	for _, size := range []int{7, 8, 4096, 4097, 2 * block} {
		c.ok("Truncate", f.Truncate(int64(size)))
		c.holds("grown", f, "content"+zeros(size-7))
	}
	empty := c.create("empty", "")
	c.ok("Truncate of an empty file", empty.Truncate(block))
	c.holds("grown from nothing", empty, zeros(block))
}

// truncatedBytes cuts a file inside and between pages and lets it grow again
// in each way: what was cut off must read as zeros.
func truncatedBytes(c *check) {
	grow := map[string]func(f vfs.File) error{
		"Truncate": func(f vfs.File) error { return f.Truncate(block) },
		"Allocate": func(f vfs.File) error { return f.Allocate(block-1, 1) },
		"WriteAt": func(f vfs.File) error {
			_, err := f.WriteAt([]byte{0}, block-1)
			return err
		},
	}
	for way, call := range grow {
		f := c.open("by "+way, vfs.Write|vfs.Create)
		for _, size := range []int{0, 1, 4095, 4096, 4097, block - 1} {
			c.write(f, strings.Repeat("x", block), 0)
			c.ok("Truncate", f.Truncate(int64(size)))
			c.ok(way, call(f))
			c.holds(fmt.Sprintf("cut to %d and grown by %s", size, way), f,
				strings.Repeat("x", size)+zeros(block-size))
		}
	}
}

func allocate(c *check) {
	text := strings.Repeat("abcdefg", 1000)
	for _, test := range []struct {
		name        string
		off, length int
		wantSize    int
	}{
		{"at the start", 0, 10, 7000},
		{"inside", 1000, 4096, 7000},
		{"up to the end", 10, 6990, 7000},
		{"across the end", 6999, 2, 7001},
		{"far across the end", 100, block, 100 + block},
		{"all and more", 0, block, block},
		{"from the end on", 7000, 4096, 11096},
		{"beyond the end", 20000, 4096, 24096},
	} {
		f := c.create(test.name, text)
		c.ok("Allocate "+test.name, f.Allocate(int64(test.off), int64(test.length)))
		c.holds("allocated "+test.name, f, text+zeros(test.wantSize-len(text)))
	}
	f := c.create("empty", "")
	c.ok("Allocate in an empty file", f.Allocate(0, block))
	c.holds("allocated in an empty file", f, zeros(block))
}

// allocateGap reserves a range that is partly a hole.
func allocateGap(c *check) {
	f := c.create("file", "start")
	c.write(f, "end", block)
	want := "start" + zeros(block-5) + "end"
	c.ok("Allocate over the gap", f.Allocate(0, block))
	c.holds("gap allocated", f, want)
	c.write(f, "middle", 10_000)
	c.holds("gap allocated and written", f, want[:10_000]+"middle"+want[10_006:])
}

func allocateThenUse(c *check) {
	f := c.open("file", vfs.Write|vfs.Create)
	c.ok("Allocate", f.Allocate(0, block))
	c.write(f, "content", 4090)
	c.holds("written after Allocate", f, zeros(4090)+"content"+zeros(block-4097))
	c.ok("Allocate again", f.Allocate(0, block))
	c.holds("allocated twice", f, zeros(4090)+"content"+zeros(block-4097))
	c.ok("Truncate", f.Truncate(4093))
	c.holds("cut after Allocate", f, zeros(4090)+"con")
	c.write(f, "!", 4100)
	c.holds("written after the cut", f, zeros(4090)+"con"+zeros(7)+"!")
}
