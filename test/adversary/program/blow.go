package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// What is put in the place of a name: made beforehand under a name of its own, so that the blow is one system call.
type blow struct {
	attack string
	dir    *owned
	// Its present name in dir.
	name string
	ino  uint64
	// Root's, and only lent: it gets its own name back.
	deputy bool
	// For a directory of its own that is swapped as a whole: its name in dir.
	swap string
	what string
	why  string
	// A handle on what would be won.
	prize int
}

func (b *blow) swaps() bool { return b.swap != "" }

var kinds = []string{"link", "link", "link", "created", "linkdir", "linkdir", "fifo", "fifolink", "hardlink", "owndir", "deputy", "deputy", "deputydir", "deputydir", "remove", "plant", "exchange", "content", "dirswap", "dirswap", "dirswap"}

// The group that a kind of blow is chosen by.
var groups = map[string]string{"created": "link", "linkdir": "link", "fifolink": "fifo", "owndir": "plant", "deputydir": "deputy", "remove": "exchange"}

func (a *attacker) prepare(dir *owned) *blow {
	for tries := 0; tries < 20; tries++ {
		kind := kinds[a.rng.Intn(len(kinds))]
		group := groups[kind]
		if a.has(kind) || (group != "" && a.has(group)) {
			if b := a.make(kind, dir); b != nil {
				return b
			}
		}
	}
	return nil
}

func (a *attacker) victim() string { a.serial++; return a.victims[a.serial%len(a.victims)] }

func (a *attacker) from(pool string) string {
	all := a.pools[pool]
	a.serial++
	return all[a.serial%len(all)]
}

func (a *attacker) make(kind string, dir *owned) *blow {
	a.serial++
	b := &blow{attack: kind, dir: dir, name: fmt.Sprintf(".x-%d", a.serial), prize: -1}
	var err error
	switch kind {
	case "link":
		err = a.link(b, a.victim())
	case "created":
		err = a.link(b, fmt.Sprintf("%s/%d", a.c.Created, a.serial))
	case "linkdir":
		err = a.link(b, a.from(a.c.VictimDirs))
	case "fifo", "fifolink":
		err = a.fifo(b)
	case "hardlink":
		b.what = a.victim()
		err = linkat(b.what, dir.fd, b.name)
		if err == syscall.EPERM {
			a.count(kind, err)
			a.impossible("hard links to files of others (fs.protected_hardlinks)")
			return nil
		}
	case "owndir":
		err = a.ownDir(b)
	case "deputy", "deputydir":
		if !a.deputy(b) {
			return nil
		}
	case "plant", "content":
		err = a.plant(b)
	case "remove", "exchange":
		return b
	case "dirswap":
		s := a.c.Swaps[a.rng.Intn(len(a.c.Swaps))]
		if b.dir = a.parentOf(s.Path); b.dir == nil {
			return nil
		}
		b.swap = filepath.Base(s.Path)
		if err = a.link(b, a.from(s.Pool)); err == nil && !strings.HasSuffix(s.Pool, "dirs") {
			b.attack = "ancestor"
		}
	}
	if err != nil {
		return nil
	}
	st, _ := lstatAt(b.dir.fd, b.name)
	b.ino = st.Ino
	return b
}

func (a *attacker) parentOf(path string) *owned {
	for _, dir := range a.dirs {
		if dir.path == filepath.Dir(path) {
			return dir
		}
	}
	return nil
}

func (a *attacker) link(b *blow, to string) error {
	b.what = to
	b.prize, _ = syscall.Open(to, oPath|syscall.O_CLOEXEC, 0)
	return symlinkAt(to, b.dir.fd, b.name)
}

// A directory of its own, full of links to what others own, under every name that fmc may use in it.
func (a *attacker) ownDir(b *blow) error {
	if err := syscall.Mkdirat(b.dir.fd, b.name, 0o777); err != nil {
		return err
	}
	fd, err := syscall.Openat(b.dir.fd, b.name, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	for _, name := range append([]string{"content", "new", "file", "candidate", "fmc-new", "key", "crt"}, a.c.Names...) {
		_ = symlinkAt(a.victim(), fd, name)
	}
	b.what = "its own directory of links"
	return nil
}

// Something of root's that lies in its directory, or that it has seized from fmc.
func (a *attacker) deputy(b *blow) bool {
	found := []string{}
	for _, name := range namesAt(b.dir.fd) {
		if strings.HasPrefix(name, ".dep-") || strings.HasPrefix(name, ".grab-") {
			found = append(found, name)
		}
	}
	for range found {
		name := found[a.rng.Intn(len(found))]
		st, ok := lstatAt(b.dir.fd, name)
		if !ok || isDir(st) != (b.attack == "deputydir") || st.Uid != 0 {
			continue
		}
		b.name, b.deputy, b.what = name, true, "root's own "+name
		b.prize, _ = syscall.Openat(b.dir.fd, name, oPath|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
		return true
	}
	return false
}

// A file of its own that it holds open for writing.
func (a *attacker) plant(b *blow) error {
	fd, err := syscall.Openat(b.dir.fd, b.name, syscall.O_RDWR|syscall.O_CREAT|syscall.O_EXCL|syscall.O_CLOEXEC, 0o666)
	if err != nil {
		return err
	}
	_, _ = syscall.Write(fd, []byte("the adversary's own\n"))
	b.what = "its own file, held open for writing"
	a.hold(fd)
	return nil
}

func (a *attacker) strike(b *blow, target string, hold time.Duration) {
	if b.swaps() {
		target = b.swap
	} else if mine(target) {
		return
	}
	var err error
	switch b.attack {
	case "remove":
		err = renameat2(b.dir.fd, target, b.dir.fd, b.name, noReplace)
	case "exchange":
		b.what = a.guess()
		if a.isSwapped(b.dir, target) {
			return
		}
		if b.what != target {
			err = renameat2(b.dir.fd, target, b.dir.fd, b.what, exchange)
		}
		a.count(b.attack, err)
		return
	case "content":
		err = a.scribble(b, target)
		a.count(b.attack, err)
		return
	default:
		err = renameat2(b.dir.fd, b.name, b.dir.fd, target, exchange)
		if err == syscall.ENOENT && !b.swaps() {
			err = renameat2(b.dir.fd, b.name, b.dir.fd, target, noReplace)
		}
	}
	a.count(b.attack, err)
	if err == nil {
		a.suspect(b, target)
		a.peek(b.dir, b.name)
		pause(hold)
		a.peek(b.dir, target)
		a.undo(b, target)
	}
	a.putAway(b)
}

// Writes into a file of its own that fmc is at work on.
func (a *attacker) scribble(b *blow, target string) error {
	fd, err := syscall.Openat(b.dir.fd, target, syscall.O_WRONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		a.putAway(b)
		return err
	}
	_, _ = syscall.Pwrite(fd, []byte("scribbled "), 0)
	_ = syscall.Fchmod(fd, 0o4777)
	a.hold(fd)
	a.putAway(b)
	return nil
}
