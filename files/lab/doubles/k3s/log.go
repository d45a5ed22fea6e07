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

// fatalf ends the process as K3s does: one line, code 1.
func fatalf(format string, values ...any) {
	logAt("fatal", format, values...)
	os.Exit(1)
}
