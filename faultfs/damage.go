package faultfs

import (
	"fmt"
	"strconv"
	"strings"
)

// DamageKind is a set of kinds of silent damage. A Damage carries exactly one.
type DamageKind uint32

const (
	DamageBit         DamageKind = 1 << iota // bit Bit of the byte at Off is inverted
	DamageByte                               // the bits Mask of the byte at Off are inverted
	DamageZeros                              // [Off, Off+Len) reads as zeros
	DamageNoise                              // [Off, Off+Len) is noise
	DamageMisdirect                          // what was meant for From went to Off, and From has what it had after call At
	DamageLost                               // [Off, Off+Len) has what it had after call At
	DamageStale                              // the same, until it is written again, and only for readers: the disk has the bytes
	DamageStaleOnce                          // the same, for the first read that touches a sector
	DamageSwap                               // Len bytes at Off and at From of With change places
	DamageCut                                // the file ends at Off
	DamageExtendZeros                        // Len zeros behind the end
	DamageExtendNoise                        // Len bytes of noise behind the end
	DamageMissing                            // the file is gone
	DamageOlder                              // the file is the one that it was after call At
	DamageRepeat                             // [Off, Off+Len) stands there twice, what follows moves on
	DamageReorder                            // [Off, Off+Len) and the From bytes behind it change places
)

var damageNames = [...]string{"bit", "byte", "zeros", "noise", "misdirect", "lost", "stale", "stale-once", "swap",
	"cut", "extend-zeros", "extend-noise", "missing", "older", "repeat", "reorder"}

func (k DamageKind) String() string { return setString(uint32(k), damageNames[:]) }

// damagePast are the kinds that bring something back.
const damagePast = DamageMisdirect | DamageLost | DamageStale | DamageStaleOnce | DamageOlder

// Damage is one silent change of a disk: what a failing medium, a misdirected
// write or a person does, and no call reports. FS.Damage does it.
type Damage struct {
	Kind DamageKind
	Path string
	Off  int64
	Len  int64
	From int64
	With string // DamageSwap: the other file
	Bit  uint   // 0 to 7
	Mask byte
	// At is the call in the log of the past after which the old bytes were
	// durable; -1 = before there was anything: they were zeros.
	At   int
	Seed uint64 // of noise
}

// String is the kind, the path and every number that is not 0, for example
//
//	misdirect /db/data-000001.p1seg off=4096 len=4096 from=8192 at=17
func (d Damage) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %s", d.Kind, quoted(d.Path))
	number := func(key string, n int64) {
		if n != 0 {
			fmt.Fprintf(&b, " %s=%d", key, n)
		}
	}
	number("off", d.Off)
	number("len", d.Len)
	number("from", d.From)
	if d.With != "" {
		b.WriteString(" with=" + quoted(d.With))
	}
	number("bit", int64(d.Bit))
	number("mask", int64(d.Mask))
	number("at", int64(d.At))
	if d.Seed != 0 {
		fmt.Fprintf(&b, " seed=%d", d.Seed)
	}
	return b.String()
}

// quoted is a path that holds no space and no quote, however it is named.
func quoted(path string) string {
	if strings.ContainsAny(path, " \"\t\n") {
		return strings.ReplaceAll(strconv.Quote(path), " ", `\x20`)
	}
	return path
}

func unquoted(text string) (string, error) {
	if strings.HasPrefix(text, `"`) {
		return strconv.Unquote(text)
	}
	return text, nil
}

// ParseDamage reads what String wrote.
func ParseDamage(text string) (Damage, error) {
	d, err := parseDamage(strings.Fields(text))
	if err != nil {
		return Damage{}, fmt.Errorf("faultfs: damage %q: %w", text, err)
	}
	return d, nil
}

func parseDamage(fields []string) (d Damage, err error) {
	if len(fields) < 2 {
		return d, fmt.Errorf("want a kind and a path")
	}
	for i, name := range damageNames {
		if name == fields[0] {
			d.Kind = 1 << i
		}
	}
	if d.Kind == 0 {
		return d, fmt.Errorf("unknown kind, want one of %s", strings.Join(damageNames[:], " "))
	}
	if d.Path, err = unquoted(fields[1]); err != nil {
		return d, err
	}
	for _, field := range fields[2:] {
		key, value, _ := strings.Cut(field, "=")
		if err := d.parseField(key, value); err != nil {
			return d, fmt.Errorf("%s: %w", field, err)
		}
	}
	return d, nil
}

func (d *Damage) parseField(key, value string) (err error) {
	switch key {
	case "with":
		d.With, err = unquoted(value)
		return err
	case "seed":
		d.Seed, err = strconv.ParseUint(value, 10, 64)
		return err
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return err
	}
	switch key {
	case "off":
		d.Off = n
	case "len":
		d.Len = n
	case "from":
		d.From = n
	case "bit":
		d.Bit = uint(n)
	case "mask":
		d.Mask = byte(n)
	case "at":
		d.At = int(n)
	default:
		return fmt.Errorf("unknown key")
	}
	return nil
}
