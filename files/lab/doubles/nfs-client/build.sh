#!/bin/sh
# Compiles the stand-in for the kernel's NFS client in a temporary root ($1) to $FMC_NFS_CLIENT.
set -eu
cp "$(dirname "$0")/nfs-client.c" "$1/tmp/"
chroot "$1" gcc -O2 -Wall -D_FILE_OFFSET_BITS=64 -I/usr/include/fuse3 -o /tmp/nfs-client /tmp/nfs-client.c \
  -Wl,--wrap=rpc_allocate_pdu -l:libnfs.a -l:libfuse3.a -lpthread -ldl
cp "$1/tmp/nfs-client" "$FMC_NFS_CLIENT"
rm "$1/tmp/nfs-client" "$1/tmp/nfs-client.c"
