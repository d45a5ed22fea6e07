package main

import (
	"fmt"
	"strings"
	"syscall"
	"time"
)

// Between two phases: what has been won, what the FIFOs have swallowed, and which of its own files are root's by now.
func (a *attacker) lookAround() {
	a.lookAtDoubts(false)
	a.lookIntoFifos()
	for _, fd := range a.held {
		var st syscall.Stat_t
		if syscall.Fstat(fd, &st) == nil && st.Uid != uint32(syscall.Getuid()) {
			a.won(fmt.Sprintf("inode %d", st.Ino), fmt.Sprintf("a file that it holds open for writing now belongs to %d, mode %04o", st.Uid, st.Mode&0o7777))
		}
	}
	for _, fd := range a.open {
		var st syscall.Stat_t
		if syscall.Fstat(fd, &st) == nil {
			a.search(fd, isDir(st), "what it had opened before")
		}
	}
}

// As long as a FIFO has a name it stays open: who opens it later must not wait for ever.
func (a *attacker) lookIntoFifos() {
	opens := opensOf(a.fifoWatch)
	kept := a.fifos[:0]
	for _, f := range a.fifos {
		f.users += opens[f.watch]
		if f.users > 0 && f.opened.IsZero() {
			f.opened = time.Now()
		} else if f.users <= 0 {
			f.opened = time.Time{}
		}
		buffer := make([]byte, 1<<16)
		if n, err := syscall.Read(f.fd, buffer); err == nil {
			a.find(buffer[:n], "written into its FIFO")
		}
		if !f.opened.IsZero() && time.Since(f.opened) > 100*time.Millisecond {
			a.report.Hung++
			f = a.letGo(f)
		}
		var st syscall.Stat_t
		if syscall.Fstat(f.fd, &st) != nil || (st.Nlink == 0 && f.opened.IsZero()) {
			syscall.Close(f.fd)
		} else {
			kept = append(kept, f)
		}
	}
	a.fifos = kept
}

// Whoever reads from the FIFO comes to its end.
func (a *attacker) letGo(f fifo) fifo {
	for _, flags := range []int{syscall.O_RDONLY, syscall.O_RDWR} {
		fd, err := syscall.Open(fmt.Sprintf("/proc/self/fd/%d", f.fd), flags|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
		if err != nil {
			return f
		}
		syscall.Close(f.fd)
		f.fd = fd
		time.Sleep(time.Millisecond)
	}
	opensOf(a.fifoWatch)
	f.opened, f.users = time.Time{}, 0
	return f
}

func (a *attacker) lookAtDoubts(all bool) {
	kept := a.doubts[:0]
	for _, d := range a.doubts {
		switch change := changed(d); {
		case change != "":
			a.won(d.what, fmt.Sprintf("%s (%s)", change, d.how))
		case !all && time.Now().Before(d.until):
			kept = append(kept, d)
			continue
		}
		if d.fd >= 0 {
			syscall.Close(d.fd)
		}
	}
	a.doubts = kept
}

func changed(d doubt) string {
	if d.fd < 0 {
		if _, ok := lstat(d.what); ok {
			return "it was made"
		}
		return ""
	}
	var st syscall.Stat_t
	if syscall.Fstat(d.fd, &st) != nil {
		return ""
	}
	switch {
	case st.Uid != d.was.Uid || st.Gid != d.was.Gid:
		return fmt.Sprintf("owner %d:%d ⇒ %d:%d", d.was.Uid, d.was.Gid, st.Uid, st.Gid)
	case st.Mode != d.was.Mode:
		return fmt.Sprintf("mode %o ⇒ %o", d.was.Mode, st.Mode)
	case st.Size != d.was.Size && !isDir(st):
		return fmt.Sprintf("%d bytes ⇒ %d bytes", d.was.Size, st.Size)
	case st.Mtim != d.was.Mtim:
		return "content changed"
	}
	return ""
}

// What it made and does not need any more goes; what it has seized and cannot remove it keeps under a name of its own.
func (a *attacker) putAway(b *blow) {
	if b.prize >= 0 {
		syscall.Close(b.prize)
		b.prize = -1
	}
	if strings.HasPrefix(b.name, ".dep-") {
		return
	}
	st, ok := lstatAt(b.dir.fd, b.name)
	if !ok {
		return
	}
	a.serial++
	switch {
	case isDir(st) && st.Uid == uint32(syscall.Getuid()):
		a.removeDir(b.dir.fd, b.name)
	case st.Uid == 0 && (isDir(st) || a.rng.Intn(8) == 0):
		_ = renameat2(b.dir.fd, b.name, b.dir.fd, fmt.Sprintf(".grab-%d", a.serial), noReplace)
	default:
		_ = unlinkat(b.dir.fd, b.name, 0)
	}
	if b.attack == "fifolink" {
		_ = unlinkat(b.dir.fd, b.name+"-f", 0)
	}
}

const removeDirFlag = 0x200

func (a *attacker) removeDir(dir int, name string) {
	if fd, err := syscall.Openat(dir, name, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0); err == nil {
		for _, child := range namesAt(fd) {
			_ = unlinkat(fd, child, 0)
		}
		syscall.Close(fd)
	}
	_ = unlinkat(dir, name, removeDirFlag)
}

// Leaves its directories as an honest user would: what it made is gone, what it lent has its name back. What it could
// read at the very end counts.
func (a *attacker) leave() {
	time.Sleep(200 * time.Millisecond)
	a.lookAround()
	a.lookAtDoubts(true)
	me := uint32(syscall.Getuid())
	for _, dir := range a.dirs {
		for _, name := range namesAt(dir.fd) {
			a.peek(dir, name)
			st, ok := lstatAt(dir.fd, name)
			if !ok || a.isSwapped(dir, name) {
				continue
			}
			kind := st.Mode & syscall.S_IFMT
			a.serial++
			switch {
			case a.deputies[st.Ino]:
				_ = renameat2(dir.fd, name, dir.fd, fmt.Sprintf(".dep-%d", a.serial), noReplace)
			case strings.HasPrefix(name, ".x-") && !isDir(st), st.Uid == me && (kind == syscall.S_IFLNK || kind == syscall.S_IFIFO):
				_ = unlinkat(dir.fd, name, 0)
			case st.Uid == me && isDir(st) && (strings.HasPrefix(name, ".x-") || strings.Contains(name, ".fmc-new")):
				a.removeDir(dir.fd, name)
			case st.Uid == 0 && isDir(st) && a.isName(name):
				_ = renameat2(dir.fd, name, dir.fd, fmt.Sprintf(".grab-%d", a.serial), noReplace)
			}
		}
	}
	a.lookAround()
}

// Takes back what a blow has left in the place of a name, so that fmc goes on making something to attack.
func (a *attacker) tidy() {
	for _, dir := range a.dirs {
		for _, name := range a.c.Names {
			st, ok := lstatAt(dir.fd, name)
			kind := st.Mode & syscall.S_IFMT
			a.serial++
			switch {
			case !ok:
			case isDir(st) && a.deputies[st.Ino]:
				_ = renameat2(dir.fd, name, dir.fd, fmt.Sprintf(".dep-%d", a.serial), noReplace)
			case st.Uid == uint32(syscall.Getuid()) && (kind == syscall.S_IFLNK || kind == syscall.S_IFIFO):
				_ = unlinkat(dir.fd, name, 0)
			}
		}
	}
}

func (a *attacker) isName(name string) bool {
	for _, n := range a.c.Names {
		if n == name {
			return true
		}
	}
	return false
}

func (a *attacker) isSwapped(dir *owned, name string) bool {
	for _, s := range a.c.Swaps {
		if s.Path == dir.path+"/"+name {
			return true
		}
	}
	return false
}
