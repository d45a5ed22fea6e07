package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// What happens at the system call number N of a command; N counts from the last rule on. Written as "ACTION N [ERRNO]":
//
//	off      0   nothing
//	none     0   nothing, but the calls are counted and told
//	crash    N   every process of the host dies before the call
//	process  N   the process that makes the call dies
//	shell    N   the command itself (the session's shell) dies
//	hold     N   the call waits until the next line on FD-IN
//	error    N E the call fails with the errno E
//	errors   N E this call and all later ones fail with E
type rule struct {
	action string
	n      int
	errno  int
}

func parse(line string) rule {
	f := strings.Fields(line)
	r := rule{action: f[0]}
	if len(f) > 1 {
		r.n, _ = strconv.Atoi(f[1])
	}
	if len(f) > 2 {
		r.errno, _ = strconv.Atoi(f[2])
	}
	return r
}

type notification struct {
	id         uint64
	pid, flags uint32
	nr         int32
	arch       uint32
	ip         uint64
	args       [6]uint64
}

type response struct {
	id    uint64
	val   int64
	err   int32
	flags uint32
}

type supervisor struct {
	out      *os.File
	rule     atomic.Pointer[rule]
	release  chan struct{}
	count    int
	child    int
	unsynced map[uint64]string
	reset    atomic.Bool
}

func run(args []string) int {
	out, in := file(args[0]), file(args[1])
	argv := args[3:]
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		fail(err)
	}
	s := &supervisor{out: out, release: make(chan struct{}), unsynced: map[uint64]string{}}
	first := parse(args[2])
	s.rule.Store(&first)
	child, err := syscall.ForkExec("/proc/self/exe", append([]string{"host", "filtered", "3"}, argv...), &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{0, 1, 2, uintptr(pair[1])},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		fail(err)
	}
	s.child = child
	syscall.Close(pair[1])
	for _, fd := range []int{0, 1} {
		syscall.Close(fd)
	}
	listener, err := receive(pair[0])
	if err != nil {
		fail(err)
	}
	go s.listen(in)
	go s.serve(listener)
	var status syscall.WaitStatus
	for {
		if _, err := syscall.Wait4(child, &status, 0, nil); err != syscall.EINTR {
			break
		}
	}
	if status.Signaled() {
		// sshd passes the signal on to its client.
		fmt.Fprintf(out, "signal %d\n", status.Signal())
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

func file(fd string) *os.File {
	n, err := strconv.Atoi(fd)
	if err != nil {
		fail(err)
	}
	syscall.CloseOnExec(n)
	return os.NewFile(uintptr(n), fd)
}

func receive(socket int) (int, error) {
	oob := make([]byte, 64)
	_, n, _, _, err := syscall.Recvmsg(socket, make([]byte, 1), oob, 0)
	if err != nil {
		return 0, err
	}
	messages, err := syscall.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) == 0 {
		return 0, fmt.Errorf("no listener: %v", err)
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	if err != nil {
		return 0, err
	}
	return fds[0], nil
}

// Rules arrive one a line. "go" releases a call that is held.
func (s *supervisor) listen(in *os.File) {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if lines.Text() == "go" {
			s.release <- struct{}{}
			continue
		}
		r := parse(lines.Text())
		s.rule.Store(&r)
		s.reset.Store(true)
		fmt.Fprintln(s.out, "ready")
	}
	// Whoever ran fmc is gone: what is held goes on.
	close(s.release)
}

func (s *supervisor) serve(listener int) {
	for {
		var n notification
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(listener), ioctlRecv, uintptr(unsafe.Pointer(&n)))
		if errno == syscall.EINTR || errno == syscall.ENOENT {
			continue
		}
		if errno != 0 {
			return
		}
		answer := response{id: n.id, flags: flagContinue}
		if errno := s.decide(&n); errno != 0 {
			answer = response{id: n.id, err: -int32(errno)}
		}
		syscall.Syscall(syscall.SYS_IOCTL, uintptr(listener), ioctlSend, uintptr(unsafe.Pointer(&answer)))
	}
}

// Does what the rule says. 0: the call goes on.
func (s *supervisor) decide(n *notification) int {
	if s.reset.Swap(false) {
		s.count = 0
	}
	name, where, counts := s.look(n)
	if !counts {
		return 0
	}
	r := s.rule.Load()
	if r.action == "off" {
		return 0
	}
	s.count++
	if r.action == "none" {
		fmt.Fprintf(s.out, "call %d %s%s %s\n", s.count, name, shown(n.pid), where)
		return 0
	}
	if s.count < r.n || (s.count > r.n && r.action != "errors") {
		return 0
	}
	if s.count == r.n {
		fmt.Fprintf(s.out, "at %d %s %s\n", s.count, name, where)
	}
	switch r.action {
	case "crash":
		var lost []string
		for inode := range s.unsynced {
			lost = append(lost, strconv.FormatUint(inode, 10))
		}
		syscall.Kill(-1, syscall.SIGKILL)
		fmt.Fprintf(s.out, "crashed %s\n", strings.Join(lost, ","))
		os.Exit(137)
	case "process":
		syscall.Kill(int(n.pid), syscall.SIGKILL)
	case "shell":
		syscall.Kill(s.child, syscall.SIGKILL)
		time.Sleep(time.Millisecond)
	case "hold":
		<-s.release
	case "error", "errors":
		return r.errno
	}
	return 0
}

// What the call is about to change, and whether it counts: writing to pipes and devices does not.
func (s *supervisor) look(n *notification) (name, where string, counts bool) {
	if arg, ok := opens[uintptr(n.nr)]; ok {
		where := named(n.pid, n.args[arg-1])
		return "open", where, !strings.HasPrefix(where, "/dev/") && !strings.HasPrefix(where, "/proc/")
	}
	c := calls[uintptr(n.nr)]
	at := n.args[c.what.arg]
	switch c.what.kind {
	case onPath:
		return c.name, named(n.pid, at), true
	case onData:
		where, inode := descriptor(n.pid, at)
		if inode == 0 {
			return c.name, where, false
		}
		s.unsynced[inode] = where
		return c.name, where, true
	case onSync:
		where, inode := descriptor(n.pid, at)
		delete(s.unsynced, inode)
		return c.name, where, true
	case onAll:
		s.unsynced = map[uint64]string{}
		return c.name, "", true
	}
	where, _ = descriptor(n.pid, at)
	return c.name, where, true
}
