package main

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/quiverdb/quiverdb-go/quiver"
)

// Kinds of packed operations; the header has them too.
const (
	opPut    = 0
	opDelete = 1
)

// recordHeader is the length of the two lengths before a key and a value.
const recordHeader = 8

// recordLen is the length of the record that b begins with.
func recordLen(b []byte) int {
	return recordHeader + int(binary.LittleEndian.Uint32(b)) + int(binary.LittleEndian.Uint32(b[4:]))
}

// appendRecord packs a pair. No key or value of a database is longer than the
// header's four bytes tell, unless another program wrote it.
func appendRecord(b []byte, item quiver.Item) ([]byte, error) {
	if len(item.Key) > math.MaxUint32 || len(item.Value) > math.MaxUint32 {
		return b, fmt.Errorf("%w: a pair with %d bytes of key and %d bytes of value in a scan", quiver.ErrTooLarge, len(item.Key), len(item.Value))
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(item.Key)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(item.Value)))
	b = append(b, item.Key...)
	return append(b, item.Value...), nil
}

// unpack makes a batch of packed operations. All of them are looked at before
// the caller changes anything.
func unpack(ops []byte) (*quiver.Batch, error) {
	batch := &quiver.Batch{}
	for at := 0; at < len(ops); {
		bad := func(what string) (*quiver.Batch, error) {
			return nil, fmt.Errorf("%w: the operation at byte %d %s", quiver.ErrInvalid, at, what)
		}
		op := ops[at:]
		if len(op) < 1+recordHeader {
			return bad("is cut off")
		}
		keyLen, valueLen := uint64(binary.LittleEndian.Uint32(op[1:])), uint64(binary.LittleEndian.Uint32(op[5:]))
		rest := op[1+recordHeader:]
		if keyLen+valueLen > uint64(len(rest)) {
			return bad("is longer than what is left")
		}
		key, value := rest[:keyLen], rest[keyLen:keyLen+valueLen]
		switch op[0] {
		case opPut:
			batch.Put(key, value)
		case opDelete:
			if valueLen != 0 {
				return bad("is a delete with a value")
			}
			batch.Delete(key)
		default:
			return bad(fmt.Sprintf("is of unknown kind %d", op[0]))
		}
		at += 1 + recordHeader + len(key) + len(value)
	}
	return batch, nil
}
