package main

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// A directory that the adversary owns, by handle: it stays the same whatever its path means just now.
type owned struct {
	path string
	fd   int
}

// Count says how often an attack was tried, how often the kernel allowed it, and how often it did not.
type Count struct{ Tried, Done, Refused int }

// Report is what the adversary prints at its end.
type Report struct {
	Counts map[string]*Count
	// Files and directories of fmc's that it could open although they are not its own.
	Opened int
	// How often somebody opened a FIFO of its and was still at it 100 ms later: for as long as the adversary likes.
	Hung int
	// What it won, in words: at most one line for each object.
	Won []string
	// Attacks that this kernel refuses always.
	Impossible []string
}

type attacker struct {
	c       Config
	rng     *rand.Rand
	dirs    []*owned
	inotify int
	// Where fmc was seen last.
	busy *owned
	// Tells who opens its FIFOs.
	fifoWatch int
	// Watch descriptor → directory.
	watched map[int32]*owned
	report  Report
	serial  int
	victims []string
	pools   map[string][]string
	fifos   []fifo
	held    []int
	open    []int
	doubts  []doubt
	secrets map[string]bool
	// Inodes of root's directories that lie in its own.
	deputies map[uint64]bool
}

func attack(c Config) error {
	runtime.LockOSThread()
	a := &attacker{
		c:       c,
		rng:     rand.New(rand.NewSource(c.Seed)),
		watched: map[int32]*owned{},
		report:  Report{Counts: map[string]*Count{}, Won: []string{}, Impossible: []string{}},
		pools:   map[string][]string{},
		secrets: map[string]bool{}, deputies: map[uint64]bool{},
	}
	if err := a.prepareAll(); err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	// Whatever becomes of the test, this does not go on for ever.
	_ = syscall.Setrlimit(syscall.RLIMIT_CPU, &syscall.Rlimit{Cur: 1800, Max: 1800})
	fmt.Println("ready")
	for over := false; !over; {
		select {
		case <-stop:
			over = true
		default:
			if _, ok := lstat(c.Go); ok {
				a.phase()
			} else {
				a.rest(5 * time.Millisecond)
			}
		}
	}
	a.leave()
	return json.NewEncoder(os.Stdout).Encode(a.report)
}

func (a *attacker) prepareAll() error {
	var err error
	if a.inotify, err = syscall.InotifyInit1(syscall.IN_NONBLOCK | syscall.IN_CLOEXEC); err != nil {
		return err
	}
	if a.fifoWatch, err = syscall.InotifyInit1(syscall.IN_NONBLOCK | syscall.IN_CLOEXEC); err != nil {
		return err
	}
	for _, path := range a.c.Dirs {
		fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		dir := &owned{path, fd}
		a.dirs = append(a.dirs, dir)
		for _, name := range namesAt(fd) {
			if st, ok := lstatAt(fd, name); ok && isDir(st) && mine(name) {
				a.deputies[st.Ino] = true
			}
		}
		a.watch(dir)
	}
	for _, dir := range a.c.Files {
		for _, name := range names(dir) {
			a.victims = append(a.victims, filepath.Join(dir, name))
		}
	}
	for _, dir := range append([]string{a.c.VictimDirs}, poolsOf(a.c.Swaps)...) {
		for _, name := range names(dir) {
			a.pools[dir] = append(a.pools[dir], filepath.Join(dir, name))
		}
	}
	return nil
}

func poolsOf(swaps []Swap) []string {
	found := []string{}
	for _, s := range swaps {
		found = append(found, s.Pool)
	}
	return found
}

const events = syscall.IN_CREATE | syscall.IN_MOVED_TO | syscall.IN_OPEN | syscall.IN_MODIFY | syscall.IN_ATTRIB | syscall.IN_CLOSE_WRITE | syscall.IN_CLOSE_NOWRITE | syscall.IN_DELETE | syscall.IN_MOVED_FROM | syscall.IN_ACCESS

// What it causes itself by looking.
const quiet = syscall.IN_OPEN | syscall.IN_ACCESS | syscall.IN_CLOSE_NOWRITE

func (a *attacker) watch(dir *owned) {
	wd, err := syscall.InotifyAddWatch(a.inotify, dir.path, events|syscall.IN_ONLYDIR)
	if err == nil {
		a.watched[int32(wd)] = dir
	}
}

// One stretch of time under one plan: strike at an event, strike in a loop, change an ACL, or let fmc get on.
func (a *attacker) phase() {
	a.lookAround()
	a.drain()
	end := time.Now().Add(time.Duration(3+a.rng.Intn(25)) * time.Millisecond)
	if a.rng.Intn(5) == 0 {
		a.tidy()
	}
	p := a.rng.Intn(100)
	if a.has("acl") && a.rng.Intn(12) == 0 {
		defer a.acl()()
	}
	switch {
	case p < 15:
		a.rest(time.Until(end))
	case p < 25 && a.has("siege"):
		a.siege(end)
	case p < 80:
		a.atEvent(end)
	default:
		a.inLoop(end)
	}
}

func (a *attacker) has(attack string) bool {
	for _, name := range a.c.Attacks {
		if name == attack || name == "all" {
			return true
		}
	}
	return false
}

// Reads what appears, and does nothing else.
func (a *attacker) rest(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		for _, e := range a.wait(time.Until(end)) {
			if e.mask&quiet == 0 {
				a.peek(e.dir, e.name)
			}
		}
	}
}

// Strikes at one kind of event, at once or some time after it: between any two steps of what fmc does.
func (a *attacker) atEvent(end time.Time) {
	mask := []uint32{syscall.IN_CREATE, syscall.IN_CREATE | syscall.IN_MOVED_TO, syscall.IN_OPEN, syscall.IN_MODIFY, syscall.IN_ATTRIB, syscall.IN_CLOSE_WRITE | syscall.IN_CLOSE_NOWRITE, syscall.IN_DELETE | syscall.IN_MOVED_FROM}[a.rng.Intn(7)]
	blow := a.prepare(a.place())
	if blow == nil {
		return
	}
	for time.Now().Before(end) {
		for _, e := range a.wait(time.Until(end)) {
			if e.mask&mask == 0 || (!blow.swaps() && e.dir != blow.dir) {
				continue
			}
			delay := a.delay()
			pause(delay)
			blow.why = fmt.Sprintf("%v after %s of %s", delay, maskName(e.mask), e.name)
			a.strike(blow, a.target(e.name), a.length())
			a.drain()
			return
		}
	}
	a.putAway(blow)
}

// Strikes again and again at a name that fmc is expected to use.
func (a *attacker) inLoop(end time.Time) {
	dir := a.place()
	for time.Now().Before(end) {
		blow := a.prepare(dir)
		if blow == nil {
			return
		}
		blow.why = "in a loop"
		a.strike(blow, a.guess(), time.Duration(a.rng.Intn(1+a.rng.Intn(3000)))*time.Microsecond)
	}
	a.drain()
}

// Its own empty directories lie where fmc would make its own, while a directory of its own points elsewhere on and off:
// whatever fmc then does otherwise, or as somebody else, it does by a path.
func (a *attacker) siege(end time.Time) {
	dir := a.dirs[len(a.dirs)-1]
	if a.busy != nil {
		dir = a.busy
	}
	for time.Now().Before(end) {
		for _, name := range a.c.Names {
			if syscall.Mkdirat(dir.fd, name+".fmc-new", 0o700) == nil {
				a.count("siege", nil)
			}
		}
		blow := a.make("dirswap", dir)
		if blow == nil {
			break
		}
		blow.why = "in a siege"
		pause(a.delay())
		a.strike(blow, "", time.Duration(a.rng.Intn(6000))*time.Microsecond)
	}
	for _, name := range a.c.Names {
		_ = unlinkat(dir.fd, name+".fmc-new", removeDirFlag)
	}
	a.drain()
}
