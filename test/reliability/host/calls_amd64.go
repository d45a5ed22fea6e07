package main

import "syscall"

const (
	auditArch  = 0xc000003e
	sysSeccomp = 317
)

// Number → which argument has the flags.
var opens = map[uintptr]int{syscall.SYS_OPEN: 1, syscall.SYS_OPENAT: 2}

// Number → how the call names what it changes.
var calls = map[uintptr]call{
	syscall.SYS_CREAT:     {"creat", path(0)},
	syscall.SYS_WRITE:     {"write", data(0)},
	syscall.SYS_PWRITE64:  {"pwrite", data(0)},
	syscall.SYS_WRITEV:    {"writev", data(0)},
	syscall.SYS_SENDFILE:  {"sendfile", data(0)},
	326:                   {"copy_file_range", data(2)},
	syscall.SYS_FTRUNCATE: {"ftruncate", data(0)},
	syscall.SYS_TRUNCATE:  {"truncate", path(0)},
	syscall.SYS_FALLOCATE: {"fallocate", data(0)},
	syscall.SYS_FSYNC:     {"fsync", sync(0)},
	syscall.SYS_FDATASYNC: {"fdatasync", sync(0)},
	syscall.SYS_SYNC:      {"sync", all},
	306:                   {"syncfs", all},
	syscall.SYS_RENAME:    {"rename", path(1)},
	syscall.SYS_RENAMEAT:  {"rename", path(3)},
	316:                   {"rename", path(3)},
	syscall.SYS_UNLINK:    {"unlink", path(0)},
	syscall.SYS_UNLINKAT:  {"unlink", path(1)},
	syscall.SYS_RMDIR:     {"rmdir", path(0)},
	syscall.SYS_MKDIR:     {"mkdir", path(0)},
	syscall.SYS_MKDIRAT:   {"mkdir", path(1)},
	syscall.SYS_LINK:      {"link", path(1)},
	syscall.SYS_LINKAT:    {"link", path(3)},
	syscall.SYS_SYMLINK:   {"symlink", path(1)},
	syscall.SYS_SYMLINKAT: {"symlink", path(2)},
	syscall.SYS_CHMOD:     {"chmod", path(0)},
	syscall.SYS_FCHMOD:    {"chmod", onFd(0)},
	syscall.SYS_FCHMODAT:  {"chmod", path(1)},
	452:                   {"chmod", path(1)},
	syscall.SYS_CHOWN:     {"chown", path(0)},
	syscall.SYS_LCHOWN:    {"chown", path(0)},
	syscall.SYS_FCHOWN:    {"chown", onFd(0)},
	syscall.SYS_FCHOWNAT:  {"chown", path(1)},
	syscall.SYS_MKNOD:     {"mknod", path(0)},
	syscall.SYS_MKNODAT:   {"mknod", path(1)},
}
