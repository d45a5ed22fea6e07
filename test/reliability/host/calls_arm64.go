package main

import "syscall"

const (
	auditArch  = 0xc00000b7
	sysSeccomp = 277
)

// Number → which argument has the flags.
var opens = map[uintptr]int{syscall.SYS_OPENAT: 2}

// Number → how the call names what it changes.
var calls = map[uintptr]call{
	syscall.SYS_WRITE:     {"write", data(0)},
	syscall.SYS_PWRITE64:  {"pwrite", data(0)},
	syscall.SYS_WRITEV:    {"writev", data(0)},
	syscall.SYS_SENDFILE:  {"sendfile", data(0)},
	285:                   {"copy_file_range", data(2)},
	syscall.SYS_FTRUNCATE: {"ftruncate", data(0)},
	syscall.SYS_TRUNCATE:  {"truncate", path(0)},
	syscall.SYS_FALLOCATE: {"fallocate", data(0)},
	syscall.SYS_FSYNC:     {"fsync", sync(0)},
	syscall.SYS_FDATASYNC: {"fdatasync", sync(0)},
	syscall.SYS_SYNC:      {"sync", all},
	267:                   {"syncfs", all},
	syscall.SYS_RENAMEAT:  {"rename", path(3)},
	276:                   {"rename", path(3)},
	syscall.SYS_UNLINKAT:  {"unlink", path(1)},
	syscall.SYS_MKDIRAT:   {"mkdir", path(1)},
	syscall.SYS_LINKAT:    {"link", path(3)},
	syscall.SYS_SYMLINKAT: {"symlink", path(2)},
	syscall.SYS_FCHMOD:    {"chmod", onFd(0)},
	syscall.SYS_FCHMODAT:  {"chmod", path(1)},
	452:                   {"chmod", path(1)},
	syscall.SYS_FCHOWN:    {"chown", onFd(0)},
	syscall.SYS_FCHOWNAT:  {"chown", path(1)},
	syscall.SYS_MKNODAT:   {"mknod", path(1)},
}
