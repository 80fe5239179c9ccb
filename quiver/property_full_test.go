package quiver_test

import (
	"errors"
	"syscall"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quiverdb/quiverdb-go/model"
	"github.com/quiverdb/quiverdb-go/quiver"
)

var errnos = []syscall.Errno{syscall.EIO, syscall.ENOSPC}

// full fills the disk. Writes fail or succeed as a whole, nothing is poisoned,
// and with space everything works again.
func (m *machine) full(t *rapid.T) {
	room := rapid.IntRange(0, 12*m.k.PageSize).Draw(t, "room")
	m.disk.SetBudget(m.disk.Used() + int64(room) + 1)
	t.Logf("%d bytes of room", room)
	for range rapid.IntRange(1, 6).Draw(t, "writes") {
		o := m.s.write(t)
		i := m.ref.Start(o)
		r, err := execute(m.db, o)
		t.Logf("%s: %v", call{o, r}, err)
		switch {
		case err == nil:
			m.agree(t, o, r)
			m.ref.Ack(i)
		case errors.Is(err, quiver.ErrFull):
			require.ErrorIs(t, err, syscall.ENOSPC)
			m.ref.Refuse(i)
		default:
			require.True(t, m.tooLarge(o, err), "%v", err)
			m.ref.Refuse(i)
		}
		require.NoError(t, m.db.Writable())
		m.invariant(t)
	}
	m.disk.SetBudget(0)
	m.write(t, model.Op{Kind: model.Put, Key: "a", Value: "there is space again"})
}
