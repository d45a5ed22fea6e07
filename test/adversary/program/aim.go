package main

import (
	"strings"
	"syscall"
	"time"
)

func (a *attacker) guess() string {
	name := a.c.Names[a.rng.Intn(len(a.c.Names))]
	return name + []string{".fmc-new", ".fmc-new", ".fmc-new", "", ".fmc-new.crt"}[a.rng.Intn(5)]
}

func (a *attacker) target(seen string) string {
	if a.rng.Intn(5) > 0 {
		return seen
	}
	if strings.HasSuffix(seen, ".fmc-new") {
		return strings.TrimSuffix(seen, ".fmc-new")
	}
	return seen + ".fmc-new"
}

// From nothing to 20 ms, short ones more often.
func (a *attacker) delay() time.Duration {
	if a.rng.Intn(4) == 0 {
		return 0
	}
	return time.Duration(20<<a.rng.Intn(11)) * time.Microsecond
}

// How long the blow lasts: until fmc has acted on it, or less.
func (a *attacker) length() time.Duration {
	if a.rng.Intn(2) == 0 {
		return a.delay()
	}
	return time.Duration(1+a.rng.Intn(20)) * time.Millisecond
}

// Where to strike: mostly where fmc is at work.
func (a *attacker) place() *owned {
	if a.busy != nil && a.rng.Intn(6) > 0 {
		return a.busy
	}
	return a.dirs[a.rng.Intn(len(a.dirs))]
}

func pause(d time.Duration) {
	if d >= time.Millisecond {
		time.Sleep(d)
		return
	}
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}

func (a *attacker) count(attack string, err error) {
	c := a.report.Counts[attack]
	if c == nil {
		c = &Count{}
		a.report.Counts[attack] = c
	}
	c.Tried++
	if err == nil {
		c.Done++
	} else if err != syscall.ENOENT && err != syscall.EEXIST {
		c.Refused++
	}
}
