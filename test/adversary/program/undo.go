package main

import "fmt"

// Puts back what stood there; where fmc has moved on meanwhile it keeps what it has seized. Its own directories always
// get their places back: without them nothing would be left to attack.
func (a *attacker) undo(b *blow, target string) {
	st, there := lstatAt(b.dir.fd, target)
	_, seized := lstatAt(b.dir.fd, b.name)
	own := a.isSwapped(b.dir, target)
	ours := there && st.Ino == b.ino
	a.serial++
	switch {
	case own && there && !ours:
		_ = renameat2(b.dir.fd, target, b.dir.fd, fmt.Sprintf(".grab-%d", a.serial), noReplace)
		fallthrough
	case own && !there, b.attack == "remove" && a.rng.Intn(3) > 0:
		_ = renameat2(b.dir.fd, b.name, b.dir.fd, target, noReplace)
	case b.attack == "remove":
	case ours && seized && (own || a.rng.Intn(3) > 0):
		_ = renameat2(b.dir.fd, b.name, b.dir.fd, target, exchange)
	case ours:
		aside := fmt.Sprintf(".x-%d", a.serial)
		if b.deputy {
			aside = fmt.Sprintf(".dep-%d", a.serial)
		}
		_ = renameat2(b.dir.fd, target, b.dir.fd, aside, noReplace)
		if seized {
			_ = renameat2(b.dir.fd, b.name, b.dir.fd, target, noReplace)
		}
		b.name = aside
	}
}
