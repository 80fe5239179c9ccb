package folder

import (
	"fmt"
	"slices"
	"strings"
)

// folderSeeds has every operation at least once, each scene as it is, and
// changes that lead deep.
func folderSeeds(scenes []*Scene) seedList {
	const all = wayWrite | wayJudge
	list := seedList{}
	index := map[string]byte{}
	for i, s := range scenes {
		index[s.Name] = byte(i)
		list[s.Name] = []byte{byte(i), all}
		list[s.Name+" other options"] = []byte{byte(i), all | wayNoDataSync | wayNoCache | wayRecount}
	}
	const dir, free, meta, log, segment = 1, 2, 3, 4, 0 // in the order of the names
	for name, change := range map[string][]byte{
		"flip in a page":    {opFlip, segment, 100, 0, 1},
		"flip in the meta":  {opFlip, meta, 40, 0, 1},
		"flip in the log":   {opFlip, log, 60, 0, 1},
		"flip, sealed":      {opFlip | sealBit, segment, 70, 0, 1},
		"set":               {opSet, dir, 24, 0, 8, 9, 0, 0, 0, 0, 0, 0, 0},
		"set, sealed":       {opSet | sealBit, dir, 24, 0, 8, 9, 0, 0, 0, 0, 0, 0, 0},
		"fill":              {opFill, segment, 0, 16, 0, 16, 0},
		"cut":               {opCut, log, 100, 8},
		"cut segment":       {opCut, segment, 10, 16},
		"grow":              {opGrow, segment, 0, 16, 0},
		"grow meta":         {opGrow, meta, 0, 32, 0},
		"copy":              {opCopy, segment, 0, 0, 0, 16, 0, 16},
		"swap pages":        {opSwap, segment, 1, 2},
		"swap records":      {opSwap, log, 0, 1},
		"remove":            {opRemove, free, 0},
		"remove segment":    {opRemove, segment, 0},
		"rename":            {opRename, segment, 5},
		"clone":             {opClone, segment, 5},
		"far segment":       {opClone, segment, 8},
		"directory":         {opDir, free, 0},
		"page field":        {opPage, 0, 1, 7, 1, 5},
		"used slots":        {opPage, 0, 1, 5, 1, 1},
		"next page":         {opPage, 0, 0, 7, 1, 0xFF},
		"meta last lsn":     {opMeta, 0, 5, 2, 0, 1},
		"meta next page":    {opMeta, 0, 3, 2, 0, 0x24},
		"record lsn":        {opRecord, 0, 1, 3, 1, 30},
		"record flags":      {opRecord, 0, 2, 1, 1, 0x81},
		"head":              {opHead, 0, 1, 0, 1, 2},
		"no head":           {opHead, 0, 0, 0, 1, 0xFF},
		"overlay":           {opOverlay, 0, 2, 0},
		"page into the log": {opOverlay, 0, 2, 1},
		"free list, sealed": {opGrow | sealBit, free, 8, 0, 0},
		"several":           {opFlip, segment, 100, 0, 1, opCut, log, 0, 80, opMeta, 0, 5, 1, 1},
	} {
		for _, scene := range []string{"clean", "log", "foreign-log", "small-values"} {
			list[fmt.Sprintf("%s, %s", scene, name)] = append([]byte{index[scene], all}, change...)
		}
	}
	snapshotSeeds(list, scenes, index)
	for name, found := range map[string]seedList{
		"clean":        {"free list names a far page": {opGrow | sealBit, free, 8, 0, 1}},
		"small-values": {"free list names a page often": {opMeta, 0, 5, 2, 0, 1, opGrow | sealBit, free, 0, 8, 1}},
		"foreign-log":  {"page with the highest lsn": {opPage, 0, 0, 8, 1, 0xFF}},
		"log":          {"old record with a high lsn": {opRecord, 0, 11, 3, 1, 0xF5}},
	} {
		for title, change := range found {
			list[name+", "+title] = append([]byte{index[name], all}, change...)
		}
	}
	return list
}

// snapshotSeeds change each kind of file that snapshots have.
func snapshotSeeds(list seedList, scenes []*Scene, index map[string]byte) {
	const all = wayWrite | wayJudge | waySnap
	for _, s := range scenes {
		if s.Kept == nil && !s.Half {
			continue
		}
		list[s.Name+" and a new snapshot"] = []byte{index[s.Name], all}
		seen := map[string]bool{}
		for i, name := range s.Names {
			base := name[strings.LastIndexByte(name, '/')+1:]
			if s.Name == "kept" || base == name && name != restoreName || seen[base] && strings.HasPrefix(name, snapshotsName) {
				continue
			}
			seen[base] = true
			file := byte(i)
			for title, change := range map[string][]byte{
				"flip": {opFlip, file, 30, 0, 1}, "zeros": {opFill, file, 0, 0, 24, 0, 0}, "remove": {opRemove, file}, "cut": {opCut, file, 30, 0},
				"sealed flip": {opFlip | sealBit, file, 60, 0, 3}, "page id": {opPage, file, 0, 2, 1, 5}, "frame": {opPage, file, 0, 13, 1, 1},
				"directory": {opDir, file}, "elsewhere": {opRename, file, byte(len(s.Names) + 20)},
				"longer": {opGrow, file, 1, 0, 7}, "sealed lsn": {opFlip | sealBit, file, 32, 0, 3}, "last byte": {opFlip, file, 43, 0, 1},
			} {
				if base != headsName && (title == "longer" || title == "sealed lsn" || title == "last byte") {
					continue
				}
				way := byte(wayJudge)
				if title == "flip" || title == "frame" {
					way = all
				}
				list[fmt.Sprintf("%s, %s, %s", s.Name, strings.TrimPrefix(strings.ReplaceAll(name, "/", " "), "."), title)] = append([]byte{index[s.Name], way}, change...)
			}
		}
	}
}

// backupSeeds change each file of each backup.
func backupSeeds(scenes []*Scene) seedList {
	const all = wayJudge | wayVerify
	list := seedList{}
	for i, s := range scenes {
		list[s.Name] = []byte{byte(i), all}
		list[s.Name+", not verified"] = []byte{byte(i), wayJudge}
		for j, name := range slices.Sorted(slices.Values(s.Names)) {
			file := byte(j)
			for title, change := range map[string][]byte{
				"flip": {opFlip, file, 30, 0, 1}, "zeros": {opFill, file, 0, 0, 24, 0, 0}, "remove": {opRemove, file}, "cut": {opCut, file, 30, 0}, "empty": {opCut, file, 0, 0},
				"sealed flip": {opFlip | sealBit, file, 100, 0, 3}, "a frame less": {opCut | sealBit, file, 24, 16}, "twice": {opCopy | sealBit, file, 0, 0, 24, 16, 24, 16},
				"page id": {opPage, file, 0, 12, 1, 5}, "next": {opPage, file, 0, 7, 1, 1}, "lsn": {opPage, file, 1, 13, 1, 90}, "head": {opHead, file, 0, 0, 1, 9},
				"directory": {opDir, file}, "longer": {opGrow, file, 1, 0, ' '},
			} {
				list[fmt.Sprintf("%s, %s, %s", s.Name, strings.ReplaceAll(name, "/", " "), title)] = append([]byte{byte(i), all}, change...)
			}
		}
	}
	return list
}

// logSeeds has every part at least once.
func logSeeds(scenes []*Scene) seedList {
	const all = wayWrite | wayJudge
	const last = partRight | partLast
	list := seedList{}
	for i, s := range scenes {
		for name, parts := range map[string][]byte{
			"nothing":                {},
			"two groups":             {last, 1, partRight, 2, last, 3},
			"one unfinished":         {last, 1, partRight, 2},
			"original":               {partForeign, 1, partForeign, 2, partForeign, 1},
			"original, torn":         {partForeign, 1, partForeign, 2, partBroken, 9, 0, 1},
			"torn":                   {last, 1, partRight, 2, last, 3, partBroken, 100, 0, 1},
			"damaged":                {last, 1, last, 2, partBroken, 100, 0, 1, last, 3, partZeros},
			"older generation":       {last, 1, partOlder, 2, partOlder | 8, 3, partZeros},
			"stale":                  {partOlder, 1, partOlder | 8, 2, partOlder | 16, 0},
			"number out of order":    {last, 1, last | partNewGroup, 2, partZeros},
			"flags as nobody writes": {last, 1, partFree, 0xFF, 1, 2, 0, partFree, 0x83, 0, 2, 1, partZeros},
			"noise":                  {last, 1, partNoise, 50, 7},
			"cut in a record":        {last, 1, last, 2, partCut, 100, 0},
			"cut behind a record":    {last, 1, last, 2, partZeros, partCut, 20, 16},
			"both kinds":             {last, 1, partForeign, 2, last, 3, partZeros},
		} {
			if i%3 == 1 || name == "two groups" || name == "original" {
				list[fmt.Sprintf("%s, %s", s.Name, name)] = append([]byte{byte(i), all}, parts...)
			}
		}
	}
	return list
}
