package main

import (
	"fmt"
	"os"
	"time"
)

func logAt(level, format string, values ...any) {
	stamp := now().UTC().Format(time.RFC3339)
	fmt.Fprintf(os.Stderr, "time=%q level=%s msg=%q\n", stamp, level, fmt.Sprintf(format, values...))
}

func infof(format string, values ...any)  { logAt("info", format, values...) }
func warnf(format string, values ...any)  { logAt("warning", format, values...) }
func errorf(format string, values ...any) { logAt("error", format, values...) }

// complainAsUsual logs what a healthy K3s logs at every start: much, and errors among it.
func complainAsUsual() {
	errorf("Failed to set sysctl: open /proc/sys/net/netfilter/nf_conntrack_max: permission denied")
	for _, part := range words("kube-apiserver kube-scheduler kube-controller-manager cloud-controller-manager containerd") {
		for i := range 15 {
			infof("Running %s --%d", part, i)
		}
	}
	errorf("Sending HTTP/1.1 503 response to 127.0.0.1:4711: runtime core not ready")
}

// klogError logs as the kubelet inside K3s does (k8s.io/klog).
func klogError(place, message, err string) {
	fmt.Fprintf(os.Stderr, "E%s %7d %s] %q err=%q\n", now().Format("0102 15:04:05.000000"), os.Getpid(), place, message, err)
}

// fatalf ends the process as K3s does: one line, code 1.
func fatalf(format string, values ...any) {
	logAt("fatal", format, values...)
	os.Exit(1)
}
