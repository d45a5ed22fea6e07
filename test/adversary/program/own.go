package main

import (
	"fmt"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// A FIFO of its own. It is held open, so that nobody waits for the other side; whoever opens it is let go a moment later.
type fifo struct {
	fd     int
	watch  int32
	users  int
	opened time.Time
}

// Something that may have been won: a handle, what it was, and how.
type doubt struct {
	fd    int
	was   syscall.Stat_t
	how   string
	what  string
	until time.Time
}

func symlinkAt(to string, dir int, name string) error {
	p, err := syscall.BytePtrFromString(to)
	if err != nil {
		return err
	}
	n, err := syscall.BytePtrFromString(name)
	if err != nil {
		return err
	}
	if _, _, errno := syscall.Syscall(syscall.SYS_SYMLINKAT, uintptr(unsafe.Pointer(p)), uintptr(dir), uintptr(unsafe.Pointer(n))); errno != 0 {
		return errno
	}
	return nil
}

func namesAt(dir int) []string {
	fd, err := syscall.Openat(dir, ".", syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer syscall.Close(fd)
	found := []string{}
	buffer := make([]byte, 1<<15)
	for {
		n, err := syscall.ReadDirent(fd, buffer)
		if err != nil || n == 0 {
			return found
		}
		_, _, found = syscall.ParseDirent(buffer[:n], -1, found)
	}
}

func (a *attacker) fifo(b *blow) error {
	name := b.name
	if b.attack == "fifolink" {
		name += "-f"
	}
	if err := syscall.Mknodat(b.dir.fd, name, syscall.S_IFIFO|0o666, 0); err != nil {
		return err
	}
	fd, err := syscall.Openat(b.dir.fd, name, syscall.O_RDWR|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	wd, err := syscall.InotifyAddWatch(a.fifoWatch, b.dir.path+"/"+name, syscall.IN_OPEN|syscall.IN_CLOSE_WRITE|syscall.IN_CLOSE_NOWRITE)
	a.fifos = append(a.fifos, fifo{fd, int32(wd), 0, time.Time{}})
	if err != nil {
		return err
	}
	b.what = "a FIFO"
	if b.attack == "fifolink" {
		return symlinkAt(name, b.dir.fd, b.name)
	}
	return nil
}

func (a *attacker) hold(fd int) {
	a.held = append(a.held, fd)
	if len(a.held) > 64 {
		syscall.Close(a.held[0])
		a.held = a.held[1:]
	}
}

// Each of its directories gives it access to whatever is made in it from now on; the result takes that back.
func (a *attacker) acl() func() {
	var err error
	text := aclFor(uint32(syscall.Getuid()))
	for _, dir := range a.dirs {
		if e := fsetxattr(dir.fd, aclDefault, text); e != nil {
			err = e
		}
	}
	a.count("acl", err)
	if err == syscall.ENOTSUP {
		a.impossible("default ACLs (this file system has none)")
	}
	return func() {
		for _, dir := range a.dirs {
			_ = fremovexattr(dir.fd, aclDefault)
		}
	}
}

func (a *attacker) impossible(what string) {
	for _, known := range a.report.Impossible {
		if known == what {
			return
		}
	}
	a.report.Impossible = append(a.report.Impossible, what)
}

// Tries to open what has appeared, and looks for what it must not see.
func (a *attacker) peek(dir *owned, name string) {
	st, ok := lstatAt(dir.fd, name)
	if kind := st.Mode & syscall.S_IFMT; !ok || (kind != syscall.S_IFREG && kind != syscall.S_IFDIR) {
		return
	}
	if isDir(st) && st.Uid == uint32(syscall.Getuid()) {
		return
	}
	fd, err := syscall.Openat(dir.fd, name, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	if st.Uid == 0 {
		a.report.Opened++
	}
	a.search(fd, isDir(st), name)
	a.open = append(a.open, fd)
	if len(a.open) > 32 {
		syscall.Close(a.open[0])
		a.open = a.open[1:]
	}
}

func (a *attacker) search(fd int, dir bool, name string) {
	if dir {
		for _, child := range namesAt(fd) {
			if st, ok := lstatAt(fd, child); !ok || st.Mode&syscall.S_IFMT != syscall.S_IFREG {
				continue
			}
			if file, err := syscall.Openat(fd, child, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0); err == nil {
				a.search(file, false, name+"/"+child)
				syscall.Close(file)
			}
		}
		return
	}
	buffer := make([]byte, 1<<16)
	n, _ := syscall.Pread(fd, buffer, 0)
	a.find(buffer[:max(n, 0)], "read in "+name)
}

func max(a, b int) int {
	if a > b {
		return a
	}
	return b
}

func (a *attacker) find(bytes []byte, where string) {
	for _, canary := range a.c.Canaries {
		if strings.Contains(string(bytes), canary) {
			a.won(canary, where)
		}
	}
}

func (a *attacker) won(what, how string) {
	if a.secrets[what] {
		return
	}
	a.secrets[what] = true
	a.report.Won = append(a.report.Won, fmt.Sprintf("%s: %s", what, how))
}

// Something may come of this blow: its prize is looked at for a while.
func (a *attacker) suspect(b *blow, target string) {
	how := fmt.Sprintf("%s: %s got in the place of %s, %s", b.attack, b.what, target, b.why)
	if b.attack == "created" {
		a.doubts = append(a.doubts, doubt{-1, syscall.Stat_t{}, how, b.what, time.Now().Add(time.Second)})
	}
	if b.prize < 0 {
		return
	}
	var st syscall.Stat_t
	if syscall.Fstat(b.prize, &st) != nil {
		return
	}
	a.doubts = append(a.doubts, doubt{b.prize, st, how, b.what, time.Now().Add(time.Second)})
	b.prize = -1
}
