package format_test

import (
	"fmt"

	"github.com/quiverdb/quiverdb-go/quiver/format"
)

// A page is a byte slice: it is initialised, filled and sealed, and verified
// before it is used again.
func ExampleKV() {
	page := make([]byte, 4096)
	format.InitKV(page, 7)

	key := []byte("colour")
	hash := format.Hash64(key)
	fits := format.KV(page).Insert(hash, key, []byte("blue"))
	format.SealPage(page, 1)

	err := format.VerifyPage(page, 7)
	value, ok := format.KV(page).Get(hash, key)
	fmt.Println(fits, err, string(value), ok)

	fmt.Println(format.VerifyPage(page, 8))
	// Output:
	// true <nil> blue true
	// page: invalid field at offset 12: page id 7 where page 8 should stand
}
