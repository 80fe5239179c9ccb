package vfs

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// mounted mounts a file system that only the running goroutine sees.
func mounted(t *testing.T, kind, options string) string {
	t.Helper()
	dir := t.TempDir()
	// The thread has a name space of its own from here on: it is never
	// unlocked, and ends with the goroutine of the test.
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		t.Skip("mounting a small file system needs more rights:", err)
	}
	require.NoError(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	if err := unix.Mount(kind, dir, kind, 0, options); err != nil {
		t.Skipf("no %s can be mounted: %v", kind, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func blocksOf(t *testing.T, path string) int64 {
	t.Helper()
	var stat unix.Stat_t
	require.NoError(t, unix.Stat(path, &stat))
	return stat.Blocks * 512
}

func TestAllocateReserves(t *testing.T) {
	for _, kind := range []string{"", "ramfs", "tmpfs"} {
		t.Run("on "+kind, func(t *testing.T) {
			dir := t.TempDir()
			if kind != "" {
				dir = mounted(t, kind, "") // ramfs has no fallocate: zeros are written
			}
			path := filepath.Join(dir, "file")
			f, err := OS().OpenFile(path, Write|Create)
			require.NoError(t, err)
			_, err = f.WriteAt([]byte("content"), 0)
			require.NoError(t, err)
			require.NoError(t, f.Allocate(3, 1<<20-3))
			require.GreaterOrEqual(t, blocksOf(t, path), int64(1<<20))
			require.NoError(t, f.Allocate(0, 10))
			require.NoError(t, f.Close())
			data, err := ReadFile(OS(), path, 1<<20)
			require.NoError(t, err)
			require.Len(t, data, 1<<20)
			require.Equal(t, "content\x00\x00", string(data[:9]))
		})
	}
}

func TestFullDisk(t *testing.T) {
	path := filepath.Join(mounted(t, "tmpfs", "size=1m"), "file")
	f, err := OS().OpenFile(path, Write|Create)
	require.NoError(t, err)
	_, err = f.WriteAt(make([]byte, 10_000), 0)
	require.NoError(t, err)
	err = f.Allocate(5000, 2<<20)
	require.ErrorIs(t, err, syscall.ENOSPC)
	var pathErr *fs.PathError
	require.ErrorAs(t, err, &pathErr)
	size, err := f.Size()
	require.NoError(t, err)
	require.EqualValues(t, 10_000, size)

	require.NoError(t, f.Allocate(0, 1<<20), "what was taken before the space ran out is given back")
	n, err := f.WriteAt(make([]byte, 2<<20), 0)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Equal(t, 1<<20, n)
	require.NoError(t, f.Close())
	require.ErrorIs(t, ReplaceFile(OS(), path+"2", []byte("x")), syscall.ENOSPC)
}

// TestFailedZerosAreCut stops the writing of zeros in the middle, by the limit
// on the size of a file.
func TestFailedZerosAreCut(t *testing.T) {
	path := filepath.Join(mounted(t, "ramfs", ""), "file")
	f, err := OS().OpenFile(path, Write|Create)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("content"), 0)
	require.NoError(t, err)

	var limit unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &limit))
	signal.Ignore(unix.SIGXFSZ)
	defer signal.Reset(unix.SIGXFSZ)
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1 << 20, Max: limit.Max}))
	err = f.Allocate(0, 2<<20)
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &limit))

	require.ErrorIs(t, err, syscall.EFBIG)
	data, err := ReadFile(OS(), path, 1<<30)
	require.NoError(t, err)
	require.Equal(t, "content", string(data))
	require.NoError(t, f.Close())
}

func TestLockOnReadOnlyMedium(t *testing.T) {
	dir := mounted(t, "tmpfs", "")
	path := filepath.Join(dir, "LOCK")
	require.NoError(t, os.WriteFile(path, []byte("holder"), 0o666))
	require.NoError(t, unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))

	lock, err := OS().Lock(path, false)
	require.NoError(t, err)
	require.Error(t, lock.SetHolder("nobody"))
	_, err = OS().Lock(path, true)
	require.ErrorIs(t, err, ErrLocked)
	require.Equal(t, "holder", errHolder(err))
	require.NoError(t, lock.Close())
	_, err = OS().Lock(filepath.Join(dir, "other"), false)
	require.ErrorIs(t, err, syscall.EROFS)
}

func errHolder(err error) string {
	if locked := (*LockedError)(nil); errors.As(err, &locked) {
		return locked.Holder
	}
	return ""
}

func TestLockWithoutPermission(t *testing.T) {
	dir := t.TempDir()
	for path, mode := range map[string]fs.FileMode{"LOCK": 0o444, "secret": 0} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, path), []byte("holder"), 0o600))
		require.NoError(t, os.Chmod(filepath.Join(dir, path), mode))
	}
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	require.NoError(t, os.Chmod(dir, 0o555))
	defer os.Chmod(dir, 0o755)
	// The superuser is stopped by no permission: this thread is somebody else
	// for a while. For all others the call changes nothing, and need not.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	require.NoError(t, unix.Setfsuid(65534))
	defer unix.Setfsuid(os.Getuid())

	lock, err := OS().Lock(filepath.Join(dir, "LOCK"), false)
	require.NoError(t, err)
	require.Error(t, lock.SetHolder("nobody"))
	_, err = OS().Lock(filepath.Join(dir, "LOCK"), true)
	require.Equal(t, "holder", errHolder(err))
	require.NoError(t, lock.Close())
	for _, name := range []string{"secret", "absent"} {
		_, err = OS().Lock(filepath.Join(dir, name), false)
		require.ErrorIs(t, err, fs.ErrPermission, name)
	}
	_, err = OS().OpenFile(filepath.Join(dir, "absent"), Write|Create)
	require.ErrorIs(t, err, fs.ErrPermission)
}

// TestUnlockIsSeenByAll keeps a second descriptor of the lock's open file, as a
// child has between fork and exec.
func TestUnlockIsSeenByAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "LOCK")
	lock, err := OS().Lock(path, true)
	require.NoError(t, err)
	second, err := unix.FcntlInt(lock.(*osLock).f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(second)
	require.NoError(t, lock.Close())
	lock, err = OS().Lock(path, true)
	require.NoError(t, err)
	require.NoError(t, lock.Close())
}

const childLockEnv = "QUIVER_VFS_TEST_LOCK"

// TestMain makes this program a process that holds a lock until it is killed.
func TestMain(m *testing.M) {
	path, child := os.LookupEnv(childLockEnv)
	if !child {
		os.Exit(m.Run())
	}
	lock, err := OS().Lock(path, true)
	if err == nil {
		err = lock.SetHolder(HolderText(time.Now()))
	}
	fmt.Println("held:", err)
	time.Sleep(time.Minute)
}

func TestLockAcrossProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "LOCK")
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childLockEnv+"="+path)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "held: <nil>\n", line)

	_, err = OS().Lock(path, false)
	require.ErrorIs(t, err, ErrLocked)
	require.Contains(t, errHolder(err), fmt.Sprintf("pid %d on ", child.Process.Pid))

	require.NoError(t, child.Process.Kill())
	require.Error(t, child.Wait())
	lock, err := OS().Lock(path, true)
	require.NoError(t, err, "the death of the process releases the lock")

	// A program that is started while the lock is held does not inherit it.
	other := exec.Command("sleep", "60")
	require.NoError(t, other.Start())
	defer other.Wait()
	defer other.Process.Kill()
	require.NoError(t, lock.Close())
	lock, err = OS().Lock(path, true)
	require.NoError(t, err)
	require.NoError(t, lock.Close())
}
