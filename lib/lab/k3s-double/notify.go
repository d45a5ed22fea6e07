package main

import (
	"net"
	"os"
)

// sdNotify tells systemd about the service's state; a no-op outside a unit.
func sdNotify(state string) {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return
	}
	if conn, err := net.Dial("unixgram", socket); err == nil {
		defer conn.Close()
		_, _ = conn.Write([]byte(state))
	}
}
