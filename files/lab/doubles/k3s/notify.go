package main

import (
	"net"
	"os"
	"os/signal"
	"syscall"
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

// onSignal shuts the process down in order when systemd stops the service.
func onSignal(stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		stop()
		os.Exit(0)
	}()
}
