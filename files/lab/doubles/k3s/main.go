// The K3s double: those parts of k3s that fmc uses, on the real etcd. See README.md.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// The lab overwrites the text after the mark with the version; the text has the length of the longest version.
var versionMark = "K3S-DOUBLE-VERSION=v0.0.0+k3s0                                                     "

// Version is the release that this double stands in for.
var Version = strings.TrimSpace(versionMark[len(versionMark)-64:])

func main() {
	args := os.Args[1:]
	if filepath.Base(os.Args[0]) == "kubectl" {
		args = append([]string{"kubectl"}, args...)
	}
	if len(args) == 0 {
		usage()
		os.Exit(0)
	}
	command, rest := args[0], args[1:]
	switch command {
	case "--version", "-v":
		fmt.Printf("k3s version %s (double)\ngo version %s\n", Version, runtime.Version())
	case "server":
		runServer(rest)
	case "agent":
		runAgent(rest)
	case "kubectl":
		os.Exit(kubectl(rest))
	case "etcd-snapshot":
		etcdSnapshot(rest)
	case "certificate":
		certificate(rest)
	case "help", "--help", "-h":
		usage()
	default:
		fmt.Fprintf(os.Stderr, "No help topic for '%s'\n", command)
		os.Exit(3)
	}
}

func usage() {
	fmt.Print(`NAME:
   k3s - Kubernetes, but small and simple (this one is fmc's double: it proves nothing about containers)

COMMANDS:
   server, agent, kubectl, etcd-snapshot, certificate
`)
}
