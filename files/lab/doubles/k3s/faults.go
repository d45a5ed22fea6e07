package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Files in this directory make the double of one host fail; see README.md.
const faultDir = "/etc/k3s-double"

// fault returns the content of a fault's file, and whether the file exists.
func fault(name string) (string, bool) {
	data, err := os.ReadFile(filepath.Join(faultDir, name))
	return strings.TrimSpace(string(data)), err == nil
}

func faultSeconds(name string) time.Duration {
	text, _ := fault(name)
	seconds, _ := strconv.Atoi(text)
	return time.Duration(seconds) * time.Second
}

var clockOffset = faultSeconds("clock-offset")

// now is the clock for making and checking certificates.
func now() time.Time { return time.Now().Add(clockOffset) }
