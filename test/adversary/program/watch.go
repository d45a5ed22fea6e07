package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

type event struct {
	dir  *owned
	name string
	mask uint32
}

var maskNames = []struct {
	mask uint32
	name string
}{
	{syscall.IN_CREATE, "creation"}, {syscall.IN_MOVED_TO, "arrival"}, {syscall.IN_OPEN, "opening"}, {syscall.IN_MODIFY, "writing"},
	{syscall.IN_ATTRIB, "chmod or chown"}, {syscall.IN_CLOSE_WRITE, "closing"}, {syscall.IN_CLOSE_NOWRITE, "closing"},
	{syscall.IN_DELETE, "removal"}, {syscall.IN_MOVED_FROM, "departure"}, {syscall.IN_ACCESS, "reading"},
}

func maskName(mask uint32) string {
	for _, m := range maskNames {
		if mask&m.mask != 0 {
			return m.name
		}
	}
	return "something"
}

// Its own names; all others are fmc's, or are meant for it.
func mine(name string) bool {
	return strings.HasPrefix(name, ".x-") || strings.HasPrefix(name, ".dep-") || strings.HasPrefix(name, ".grab-")
}

// What has happened in its directories, at most that late. A directory that appears is watched from then on.
func (a *attacker) wait(most time.Duration) []event {
	if most <= 0 {
		return nil
	}
	set := syscall.FdSet{}
	set.Bits[a.inotify/64] |= 1 << (a.inotify % 64)
	limit := syscall.NsecToTimeval(most.Nanoseconds())
	if n, err := syscall.Select(a.inotify+1, &set, nil, nil, &limit); err != nil || n == 0 {
		return nil
	}
	return a.read()
}

func (a *attacker) read() []event {
	buffer := make([]byte, 1<<16)
	n, err := syscall.Read(a.inotify, buffer)
	if err != nil {
		return nil
	}
	found := []event{}
	for at := 0; at+syscall.SizeofInotifyEvent <= n; {
		raw := (*syscall.InotifyEvent)(unsafe.Pointer(&buffer[at]))
		from := at + syscall.SizeofInotifyEvent
		at = from + int(raw.Len)
		name := strings.TrimRight(string(buffer[from:at]), "\x00")
		dir := a.watched[raw.Wd]
		if dir == nil || name == "" || mine(name) {
			continue
		}
		if raw.Mask&syscall.IN_ISDIR != 0 && raw.Mask&(syscall.IN_CREATE|syscall.IN_MOVED_TO) != 0 {
			a.watch(&owned{filepath.Join(dir.path, name), -1})
		}
		if dir.fd < 0 {
			// Seen in a directory of fmc's own: what can be struck is the directory's name.
			name = filepath.Base(dir.path)
			dir = a.dirOf(filepath.Dir(dir.path))
			if dir == nil {
				continue
			}
		}
		a.busy = dir
		found = append(found, event{dir, name, raw.Mask})
	}
	return found
}

func (a *attacker) dirOf(path string) *owned {
	for _, dir := range a.dirs {
		if path == dir.path || strings.HasPrefix(path, dir.path+"/") {
			return dir
		}
	}
	return nil
}

// What has happened meanwhile it did itself, or has missed: no event, but maybe something to read.
func (a *attacker) drain() {
	seen := map[event]bool{}
	for got := a.read(); len(got) > 0; got = a.read() {
		for _, e := range got {
			seen[event{dir: e.dir, name: e.name}] = true
		}
	}
	for e := range seen {
		a.peek(e.dir, e.name)
	}
	for len(a.read()) > 0 {
	}
}

// How often each FIFO was opened by others, less how often it was closed.
func opensOf(inotify int) map[int32]int {
	found := map[int32]int{}
	buffer := make([]byte, 1<<14)
	for {
		n, err := syscall.Read(inotify, buffer)
		if err != nil || n <= 0 {
			return found
		}
		for at := 0; at+syscall.SizeofInotifyEvent <= n; {
			raw := (*syscall.InotifyEvent)(unsafe.Pointer(&buffer[at]))
			at += syscall.SizeofInotifyEvent + int(raw.Len)
			if raw.Mask&syscall.IN_OPEN != 0 {
				found[raw.Wd]++
			} else if raw.Mask&(syscall.IN_CLOSE_WRITE|syscall.IN_CLOSE_NOWRITE) != 0 {
				found[raw.Wd]--
			}
		}
	}
}
