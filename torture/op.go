package torture

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is what an operation of a workload does.
type Kind uint8

// The alphabet. Those up to OpUpdate change pairs.
const (
	OpPut Kind = iota
	OpDelete
	OpBatch  // synced
	OpNoSync // a batch without a sync of its own
	OpDeletePrefix
	OpUpdate // appends to the old value, or deletes
	OpSync
	OpCheckpoint
	OpRecount
	OpInit
	OpOpen
	OpClose
	OpReopen   // Close and Open
	OpKill     // the process dies, the next one opens the database
	OpReadOnly // Close, OpenReadOnly, Close, Open
	OpSnap     // begins a snapshot; from then on it is read after every operation
	OpSnapEnd  // ends the oldest snapshot
	// With Knobs.Keep snapshots outlive their process.
	OpSnapOpen   // opens all of them by their ids
	OpSnapRemove // removes the oldest one, ended or not
	OpCompact    // compacts the SnapStore
	OpRepair     // recounts pages and references
	OpBackup     // a full backup to a new folder, in the midst of which keys may be put
	OpBackupInc  // one of what changed since the last backup
	OpRestore    // the last full backup, to a new folder
	OpRestoreInc // the next incremental backup, over what was restored last
)

var kindNames = [...]string{"put", "del", "batch", "nosync", "delprefix", "update", "sync", "checkpoint",
	"recount", "init", "open", "close", "reopen", "kill", "readonly", "snap", "snapend",
	"snapopen", "snaprm", "snapcompact", "repair", "backup", "backupinc", "restore", "restoreinc"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind" + strconv.Itoa(int(k))
}

// writes tells whether the operation may change pairs.
func (k Kind) writes() bool { return k <= OpUpdate }

// Change is what an operation does to one key.
type Change struct {
	Key    string // or a prefix
	Delete bool
	Size   int // of the new value, in bytes
	// Mark asks for a value of 18 bytes that looks like the placeholder of a
	// long value.
	Mark bool
}

// Op is one call of a workload as a value.
type Op struct {
	Kind    Kind
	Changes []Change
}

// String is the text that ParseOp reads: put(k=100), put(k=!) for a marked
// value, batch(a=1,-b), del(k), delprefix(k), sync.
func (o Op) String() string {
	if len(o.Changes) == 0 && o.Kind != OpBatch && o.Kind != OpNoSync {
		return o.Kind.String()
	}
	parts := make([]string, len(o.Changes))
	for i, c := range o.Changes {
		switch {
		case c.Delete && (o.Kind == OpDelete || o.Kind == OpDeletePrefix):
			parts[i] = c.Key
		case c.Delete:
			parts[i] = "-" + c.Key
		case c.Mark:
			parts[i] = c.Key + "=!"
		default:
			parts[i] = c.Key + "=" + strconv.Itoa(c.Size)
		}
	}
	return o.Kind.String() + "(" + strings.Join(parts, ",") + ")"
}

// ParseOp reads what String wrote.
func ParseOp(text string) (Op, error) {
	name, rest, args := strings.Cut(text, "(")
	o := Op{Kind: Kind(len(kindNames))}
	for i, n := range kindNames {
		if n == name {
			o.Kind = Kind(i)
		}
	}
	if int(o.Kind) == len(kindNames) {
		return o, fmt.Errorf("torture: unknown operation %q", text)
	}
	if !args {
		return o, nil
	}
	rest, closed := strings.CutSuffix(rest, ")")
	if !closed || !o.Kind.writes() && o.Kind != OpBackup {
		return o, fmt.Errorf("torture: operation %q", text)
	}
	for _, part := range strings.Split(rest, ",") {
		if part == "" {
			continue
		}
		c, err := parseChange(o.Kind, part)
		if err != nil {
			return o, err
		}
		o.Changes = append(o.Changes, c)
	}
	return o, nil
}

func parseChange(k Kind, text string) (Change, error) {
	if k == OpDelete || k == OpDeletePrefix {
		return Change{Key: text, Delete: true}, nil
	}
	if key, ok := strings.CutPrefix(text, "-"); ok {
		return Change{Key: key, Delete: true}, nil
	}
	key, size, ok := strings.Cut(text, "=")
	if !ok {
		return Change{}, fmt.Errorf("torture: change %q", text)
	}
	if size == "!" {
		return Change{Key: key, Size: markedSize, Mark: true}, nil
	}
	n, err := strconv.Atoi(size)
	if err != nil || n < 0 {
		return Change{}, fmt.Errorf("torture: change %q", text)
	}
	return Change{Key: key, Size: n}, nil
}

// Ops in one text, separated by blanks.
func opsString(ops []Op) string {
	parts := make([]string, len(ops))
	for i, o := range ops {
		parts[i] = o.String()
	}
	return strings.Join(parts, " ")
}

func parseOps(text string) ([]Op, error) {
	var ops []Op
	for _, part := range strings.Fields(text) {
		o, err := ParseOp(part)
		if err != nil {
			return nil, err
		}
		ops = append(ops, o)
	}
	return ops, nil
}
