package main

import (
	"io"
	"os"
	"sync/atomic"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

var quiet = zap.NewNop()

// memberRemoved is set by the line that etcd logs before it stops because it was removed: K3s's fork of etcd has a
// channel for that (pkg/daemons/executor/etcd.go), the original only logs it.
var memberRemoved atomic.Bool

func etcdLogger() *zap.Logger {
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	errors := zapcore.NewCore(encoder, zapcore.Lock(os.Stderr), zap.ErrorLevel)
	listener := zapcore.RegisterHooks(zapcore.NewCore(encoder, zapcore.AddSync(io.Discard), zap.WarnLevel),
		func(entry zapcore.Entry) error {
			if entry.Message == "data-dir used by this member must be removed" {
				memberRemoved.Store(true)
			}
			return nil
		})
	return zap.New(zapcore.NewTee(errors, listener))
}
