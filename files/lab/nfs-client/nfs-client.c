/*
 * Stand-in for the kernel's NFS client in a lab machine: mounts an NFSv4 export through libnfs and FUSE.
 * Called as mount(8) calls its helpers: nfs-client server:/path dir [-sfnv] [-o options].
 * One request at a time, each with the caller's uid and gid; the server decides what is allowed.
 */
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <nfsc/libnfs.h>
#include <nfsc/libnfs-raw-nfs4.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static struct nfs_context *nfs;

/* Speaks as the calling user from here on. */
static struct nfs_context *as_caller(void) {
  struct fuse_context *who = fuse_get_context();
  nfs_set_uid(nfs, (int)who->uid);
  nfs_set_gid(nfs, (int)who->gid);
  return nfs;
}

#define FH(info) ((struct nfsfh *)(uintptr_t)(info)->fh)

static void to_stat(const struct nfs_stat_64 *from, struct stat *to) {
  memset(to, 0, sizeof *to);
  to->st_dev = from->nfs_dev;
  to->st_ino = from->nfs_ino;
  to->st_mode = (mode_t)from->nfs_mode;
  to->st_nlink = from->nfs_nlink;
  to->st_uid = (uid_t)from->nfs_uid;
  to->st_gid = (gid_t)from->nfs_gid;
  to->st_rdev = from->nfs_rdev;
  to->st_size = (off_t)from->nfs_size;
  to->st_blksize = (blksize_t)from->nfs_blksize;
  to->st_blocks = (blkcnt_t)from->nfs_blocks;
  to->st_atim = (struct timespec){(time_t)from->nfs_atime, (long)from->nfs_atime_nsec};
  to->st_mtim = (struct timespec){(time_t)from->nfs_mtime, (long)from->nfs_mtime_nsec};
  to->st_ctim = (struct timespec){(time_t)from->nfs_ctime, (long)from->nfs_ctime_nsec};
}

static int op_getattr(const char *path, struct stat *st, struct fuse_file_info *info) {
  struct nfs_stat_64 found;
  int rc = info ? nfs_fstat64(as_caller(), FH(info), &found) : nfs_lstat64(as_caller(), path, &found);
  if (rc == 0) to_stat(&found, st);
  return rc;
}

static int op_readlink(const char *path, char *text, size_t size) {
  return nfs_readlink(as_caller(), path, text, (int)size);
}

static int op_mknod(const char *path, mode_t mode, dev_t dev) {
  return nfs_mknod(as_caller(), path, (int)mode, (int)dev);
}

static int op_mkdir(const char *path, mode_t mode) { return nfs_mkdir2(as_caller(), path, (int)mode); }
static int op_unlink(const char *path) { return nfs_unlink(as_caller(), path); }
static int op_rmdir(const char *path) { return nfs_rmdir(as_caller(), path); }
static int op_symlink(const char *to, const char *path) { return nfs_symlink(as_caller(), to, path); }
static int op_link(const char *from, const char *to) { return nfs_link(as_caller(), from, to); }

static int op_rename(const char *from, const char *to, unsigned flags) {
  return flags ? -EINVAL : nfs_rename(as_caller(), from, to);
}

static int op_chmod(const char *path, mode_t mode, struct fuse_file_info *info) {
  return info ? nfs_fchmod(as_caller(), FH(info), (int)mode) : nfs_chmod(as_caller(), path, (int)mode);
}

static int op_chown(const char *path, uid_t uid, gid_t gid, struct fuse_file_info *info) {
  (void)info;
  struct nfs_stat_64 now;
  int rc = nfs_lstat64(as_caller(), path, &now);
  if (rc) return rc;
  if (uid == (uid_t)-1) uid = (uid_t)now.nfs_uid;
  if (gid == (gid_t)-1) gid = (gid_t)now.nfs_gid;
  return nfs_lchown(nfs, path, (int)uid, (int)gid);
}

static int op_truncate(const char *path, off_t size, struct fuse_file_info *info) {
  return info ? nfs_ftruncate(as_caller(), FH(info), (uint64_t)size) : nfs_truncate(as_caller(), path, (uint64_t)size);
}

static int op_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *info) {
  (void)info;
  struct timeval set[2];
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  struct nfs_stat_64 found;
  int rc = nfs_lstat64(as_caller(), path, &found);
  if (rc) return rc;
  for (int i = 0; i < 2; i++) {
    struct timespec t = times[i];
    if (t.tv_nsec == UTIME_NOW) t = now;
    if (t.tv_nsec == UTIME_OMIT)
      t = i ? (struct timespec){(time_t)found.nfs_mtime, (long)found.nfs_mtime_nsec}
            : (struct timespec){(time_t)found.nfs_atime, (long)found.nfs_atime_nsec};
    set[i] = (struct timeval){t.tv_sec, t.tv_nsec / 1000};
  }
  return nfs_utimes(nfs, path, set);
}

static int op_open(const char *path, struct fuse_file_info *info) {
  struct nfsfh *fh;
  int rc = nfs_open(as_caller(), path, info->flags & (O_ACCMODE | O_TRUNC | O_APPEND | O_SYNC), &fh);
  if (rc == 0) info->fh = (uintptr_t)fh;
  return rc;
}

static int op_create(const char *path, mode_t mode, struct fuse_file_info *info) {
  struct nfsfh *fh;
  int flags = (info->flags & (O_ACCMODE | O_TRUNC | O_APPEND | O_SYNC | O_EXCL)) | O_CREAT;
  int rc = nfs_open2(as_caller(), path, flags, (int)(mode & 07777), &fh);
  if (rc == 0) info->fh = (uintptr_t)fh;
  return rc;
}

static int op_read(const char *path, char *data, size_t size, off_t offset, struct fuse_file_info *info) {
  (void)path;
  size_t done = 0;
  while (done < size) {
    int n = nfs_pread(as_caller(), FH(info), (uint64_t)offset + done, size - done, data + done);
    if (n < 0) return n;
    if (n == 0) break;
    done += (size_t)n;
  }
  return (int)done;
}

static int op_write(const char *path, const char *data, size_t size, off_t offset, struct fuse_file_info *info) {
  (void)path;
  size_t done = 0;
  while (done < size) {
    int n = nfs_pwrite(as_caller(), FH(info), (uint64_t)offset + done, size - done, data + done);
    if (n <= 0) return n ? n : -EIO;
    done += (size_t)n;
  }
  return (int)done;
}

static int op_fsync(const char *path, int data_only, struct fuse_file_info *info) {
  (void)path, (void)data_only;
  return nfs_fsync(as_caller(), FH(info));
}

static int op_release(const char *path, struct fuse_file_info *info) {
  (void)path;
  return nfs_close(as_caller(), FH(info));
}

static int op_statfs(const char *path, struct statvfs *st) { return nfs_statvfs(as_caller(), path, st); }

static int op_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset,
                      struct fuse_file_info *info, enum fuse_readdir_flags flags) {
  (void)offset, (void)info, (void)flags;
  struct nfsdir *dir;
  int rc = nfs_opendir(as_caller(), path, &dir);
  if (rc) return rc;
  for (struct nfsdirent *entry; (entry = nfs_readdir(nfs, dir));)
    if (fill(buffer, entry->name, NULL, 0, 0)) break;
  nfs_closedir(nfs, dir);
  return 0;
}

static void *op_init(struct fuse_conn_info *connection, struct fuse_config *config) {
  (void)connection;
  config->use_ino = 1;
  config->hard_remove = 1;
  config->entry_timeout = config->negative_timeout = config->attr_timeout = 0;
  return NULL;
}

static const struct fuse_operations operations = {
    .init = op_init, .getattr = op_getattr, .readlink = op_readlink, .mknod = op_mknod, .mkdir = op_mkdir,
    .unlink = op_unlink, .rmdir = op_rmdir, .symlink = op_symlink, .rename = op_rename, .link = op_link,
    .chmod = op_chmod, .chown = op_chown, .truncate = op_truncate, .utimens = op_utimens, .open = op_open,
    .create = op_create, .read = op_read, .write = op_write, .fsync = op_fsync, .release = op_release,
    .statfs = op_statfs, .readdir = op_readdir,
};

/* The options that FUSE shares with every filesystem; those of NFS have no meaning here. */
static void fuse_options(char *given, char *result, size_t size) {
  for (char *word = strtok(given, ","); word; word = strtok(NULL, ",")) {
    static const char *const known[] = {"ro", "rw", "nosuid", "suid", "nodev", "dev", "noexec", "exec", "noatime", "sync"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
      if (!strcmp(word, known[i])) strncat(strncat(result, ",", size - strlen(result) - 1), word, size - strlen(result) - 1);
  }
}

static int supported(const char *options) {
  const char *version = strstr(options, "vers=");
  return !version || version[5] == '4';
}

int main(int argc, char **argv) {
  const char *source = NULL, *dir = NULL;
  char given[1024] = "", options[2048];
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "-o") && i + 1 < argc) snprintf(given, sizeof given, "%s", argv[++i]);
    else if (argv[i][0] == '-') continue;
    else if (!source) source = argv[i];
    else dir = argv[i];
  }
  char *colon = source ? strstr(source, ":/") : NULL;
  if (!colon || !dir) return fprintf(stderr, "usage: mount.nfs server:/path dir [-o options]\n"), 1;
  if (!supported(given)) return fprintf(stderr, "mount.nfs: the lab's NFS client speaks version 4 only\n"), 32;

  char *server = strndup(source, (size_t)(colon - source));
  nfs = nfs_init_context();
  nfs_set_version(nfs, NFS_V4);
  nfs_set_timeout(nfs, 20000);
  if (nfs_mount(nfs, server, colon + 1)) {
    const char *why = nfs_get_error(nfs);
    if (strstr(why, "NFS4ERR_NOENT")) why = "No such file or directory";
    else if (strstr(why, "NFS4ERR_ACCES") || strstr(why, "NFS4ERR_PERM")) why = "access denied by server";
    return fprintf(stderr, "mount.nfs: mounting %s failed: %s\n", source, why), 32;
  }
  nfs_set_timeout(nfs, -1);
  nfs_set_autoreconnect(nfs, -1);

  snprintf(options, sizeof options, "allow_other,fsname=%s,subtype=nfs4", source);
  fuse_options(given, options, sizeof options);
  char *words[] = {argv[0], "-s", "-o", options, (char *)dir, NULL};
  return fuse_main(5, words, &operations, NULL) ? 32 : 0;
}
