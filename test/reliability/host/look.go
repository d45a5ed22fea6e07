package main

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
)

type kind int

const (
	onPath kind = iota
	onData
	onDescriptor
	onSync
	onAll
)

// How a system call names what it changes: by which argument, and what that is.
type operand struct {
	kind kind
	arg  int
}

type call struct {
	name string
	what operand
}

func path(arg int) operand { return operand{onPath, arg} }
func data(arg int) operand { return operand{onData, arg} }
func sync(arg int) operand { return operand{onSync, arg} }
func onFd(arg int) operand { return operand{onDescriptor, arg} }

var all = operand{onAll, 0}

// The path of a descriptor of a process, and its inode if it is a regular file.
func descriptor(pid uint32, fd uint64) (name string, inode uint64) {
	link := fmt.Sprintf("/proc/%d/fd/%d", pid, int32(fd))
	name, _ = os.Readlink(link)
	var s syscall.Stat_t
	if syscall.Stat(link, &s) == nil && s.Mode&syscall.S_IFMT == syscall.S_IFREG {
		inode = s.Ino
	}
	return name, inode
}

// A text in the memory of a process, up to its NUL.
func text(pid uint32, address uint64) string {
	f, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return "?"
	}
	defer f.Close()
	buffer := make([]byte, 256)
	n, _ := f.ReadAt(buffer, int64(address))
	if at := bytes.IndexByte(buffer[:n], 0); at >= 0 {
		n = at
	}
	return string(buffer[:n])
}

// A path as the process means it, without the links in it.
func named(pid uint32, address uint64) string {
	name := text(pid, address)
	if len(name) > 0 && name[0] == '/' {
		return name
	}
	cwd, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	return cwd + "/" + name
}

// Canaries stand in every secret. One in the arguments or the environment of a process is a leak.
func shown(pid uint32) string {
	for _, of := range []string{"cmdline", "environ"} {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, of))
		if bytes.Contains(b, []byte("CANARY-")) {
			return "!leak:" + of
		}
	}
	return ""
}
