package main

import (
	"encoding/binary"
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

const (
	noReplace = 1
	exchange  = 2
	noFollow  = 0x100
	oPath     = 0x200000
)

// renameat2(2), which Go's syscall package has no function for.
func renameat2(oldDir int, old string, newDir int, new string, flags uint) error {
	number := uintptr(316)
	if runtime.GOARCH == "arm64" {
		number = 276
	}
	from, err := syscall.BytePtrFromString(old)
	if err != nil {
		return err
	}
	to, err := syscall.BytePtrFromString(new)
	if err != nil {
		return err
	}
	_, _, errno := syscall.Syscall6(number, uintptr(oldDir), uintptr(unsafe.Pointer(from)), uintptr(newDir), uintptr(unsafe.Pointer(to)), uintptr(flags), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// lstat of a name in a directory; false when there is none. By fstatat(2): older kernels report an open for O_PATH.
func lstatAt(dir int, name string) (syscall.Stat_t, bool) {
	var st syscall.Stat_t
	number := uintptr(262)
	if runtime.GOARCH == "arm64" {
		number = 79
	}
	n, err := syscall.BytePtrFromString(name)
	if err != nil {
		return st, false
	}
	_, _, errno := syscall.Syscall6(number, uintptr(dir), uintptr(unsafe.Pointer(n)), uintptr(unsafe.Pointer(&st)), noFollow, 0, 0)
	return st, errno == 0
}

func lstat(path string) (syscall.Stat_t, bool) {
	var st syscall.Stat_t
	return st, syscall.Lstat(path, &st) == nil
}

func isDir(st syscall.Stat_t) bool { return st.Mode&syscall.S_IFMT == syscall.S_IFDIR }

const aclDefault = "system.posix_acl_default"

// A default ACL (acl(5), linux/posix_acl_xattr.h) by which a user may read and write whatever is made in a directory.
func aclFor(uid uint32) []byte {
	const any = 0xffffffff
	out := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range [][3]uint32{{0x01, 7, any}, {0x02, 7, uid}, {0x04, 7, any}, {0x10, 7, any}, {0x20, 5, any}} {
		out = binary.LittleEndian.AppendUint16(out, uint16(e[0]))
		out = binary.LittleEndian.AppendUint16(out, uint16(e[1]))
		out = binary.LittleEndian.AppendUint32(out, e[2])
	}
	return out
}

// Attributes that decide who may do what: ACLs and capabilities.
func accessAttributes(path string) string {
	found := ""
	for _, name := range []string{"system.posix_acl_access", aclDefault, "security.capability"} {
		buffer := make([]byte, 512)
		if n, err := getxattrNoFollow(path, name, buffer); err == nil {
			found += " " + name + "=" + string(buffer[:n])
		}
	}
	return found
}

func getxattrNoFollow(path, name string, buffer []byte) (int, error) {
	number := uintptr(192)
	if runtime.GOARCH == "arm64" {
		number = 9
	}
	p, err := syscall.BytePtrFromString(path)
	if err != nil {
		return 0, err
	}
	n, _ := syscall.BytePtrFromString(name)
	size, _, errno := syscall.Syscall6(number, uintptr(unsafe.Pointer(p)), uintptr(unsafe.Pointer(n)), uintptr(unsafe.Pointer(&buffer[0])), uintptr(len(buffer)), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(size), nil
}

func names(dir string) []string {
	entries, _ := os.ReadDir(dir)
	found := []string{}
	for _, e := range entries {
		found = append(found, e.Name())
	}
	return found
}

func unlinkat(dir int, name string, flags int) error {
	n, err := syscall.BytePtrFromString(name)
	if err != nil {
		return err
	}
	if _, _, errno := syscall.Syscall(syscall.SYS_UNLINKAT, uintptr(dir), uintptr(unsafe.Pointer(n)), uintptr(flags)); errno != 0 {
		return errno
	}
	return nil
}

func fsetxattr(fd int, name string, value []byte) error {
	n, err := syscall.BytePtrFromString(name)
	if err != nil {
		return err
	}
	if _, _, errno := syscall.Syscall6(syscall.SYS_FSETXATTR, uintptr(fd), uintptr(unsafe.Pointer(n)), uintptr(unsafe.Pointer(&value[0])), uintptr(len(value)), 0, 0); errno != 0 {
		return errno
	}
	return nil
}

func fremovexattr(fd int, name string) error {
	n, err := syscall.BytePtrFromString(name)
	if err != nil {
		return err
	}
	if _, _, errno := syscall.Syscall(syscall.SYS_FREMOVEXATTR, uintptr(fd), uintptr(unsafe.Pointer(n)), 0); errno != 0 {
		return errno
	}
	return nil
}

func linkat(from string, dir int, name string) error {
	p, err := syscall.BytePtrFromString(from)
	if err != nil {
		return err
	}
	n, err := syscall.BytePtrFromString(name)
	if err != nil {
		return err
	}
	cwd := -100
	if _, _, errno := syscall.Syscall6(syscall.SYS_LINKAT, uintptr(cwd), uintptr(unsafe.Pointer(p)), uintptr(dir), uintptr(unsafe.Pointer(n)), 0, 0); errno != 0 {
		return errno
	}
	return nil
}
