// What runs in a light host of `npm run faults`: process 1, and a wrapper around every remote command.
//
//	host init                           reaps processes; the host lives as long as it does
//	host exec FD-OUT FD-IN RULE ARGV…   runs a command in a session of its own, as sshd does, and counts its changing
//	                                    system calls; RULE says at which of them what happens
package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("usage: host init | exec …"))
	}
	switch os.Args[1] {
	case "init":
		reap()
	case "exec":
		os.Exit(run(os.Args[2:]))
	case "filtered":
		filtered(os.Args[2:])
	default:
		fail(fmt.Errorf("unknown: %s", os.Args[1]))
	}
}

// Process 1 gets only signals that it handles, so kill(-1) of a crash leaves it alone.
func reap() {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	// Whoever started the host holds the other end: when that process is gone, however it died, so is the host.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	fmt.Println("up")
	for {
		if _, err := syscall.Wait4(-1, nil, 0, nil); err == syscall.ECHILD {
			wait := make(chan os.Signal, 1)
			signal.Notify(wait, syscall.SIGCHLD)
			<-wait
			signal.Stop(wait)
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "host:", err)
	os.Exit(125)
}
