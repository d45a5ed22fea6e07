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
#include <nfsc/libnfs-raw.h>
#include <nfsc/libnfs-raw-nfs4.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/*
 * libnfs 4.0 encodes an NFSv4 request into a buffer of some 4 kB, however long the data it carries
 * (linked with --wrap=rpc_allocate_pdu): a PART and its envelope have to fit.
 */
#define PART ((size_t)32 * 1024)
struct rpc_pdu *rpc_allocate_pdu2(struct rpc_context *rpc, int program, int version, int procedure,
                                  rpc_cb callback, void *data, void *decode, int size, size_t hint);
struct rpc_pdu *__wrap_rpc_allocate_pdu(struct rpc_context *rpc, int program, int version, int procedure,
                                        rpc_cb callback, void *data, void *decode, int size) {
  return rpc_allocate_pdu2(rpc, program, version, procedure, callback, data, decode, size, 2 * PART);
}

static struct nfs_context *nfs;
static char *server, *export;

static struct nfs_context *as(struct nfs_context *context, int uid, int gid) {
  nfs_set_uid(context, uid);
  nfs_set_gid(context, gid);
  return context;
}

/* The mount's own connection, speaking as the calling user from here on. */
static struct nfs_context *as_caller(void) {
  struct fuse_context *who = fuse_get_context();
  return as(nfs, (int)who->uid, (int)who->gid);
}

/* A connection with an identity of its own; *failed tells whether the server refused the mount. */
static struct nfs_context *connection(int milliseconds, int *failed) {
  static unsigned count;
  char text[64];
  struct nfs_context *made = nfs_init_context();
  nfs_set_version(made, NFS_V4);
  snprintf(text, sizeof text, "fmc-lab %d %u %ld", getpid(), ++count, (long)time(NULL));
  nfs4_set_client_name(made, text);
  snprintf(text, sizeof text, "%08x", (unsigned)getpid() << 12 ^ count);
  nfs4_set_verifier(made, text);
  nfs_set_timeout(made, milliseconds);
  *failed = nfs_mount(made, server, export);
  nfs_set_timeout(made, -1);
  nfs_set_autoreconnect(made, -1);
  return made;
}

/*
 * An open file has a connection of its own: libnfs counts the sequence of opens wrongly after one that
 * failed, and every later open of that connection would fail too. It has the identity of the process that opened the file.
 */
struct file {
  struct nfs_context *nfs;
  struct nfsfh *handle;
};

#define FILE_OF(info) ((struct file *)(uintptr_t)(info)->fh)

static int open_file(const char *path, int flags, int mode, struct fuse_file_info *info) {
  struct fuse_context *who = fuse_get_context();
  struct file *file = calloc(1, sizeof *file);
  int rc;
  file->nfs = as(connection(-1, &rc), (int)who->uid, (int)who->gid);
  if (rc == 0) rc = nfs_open2(file->nfs, path, flags, mode, &file->handle);
  if (rc) {
    nfs_destroy_context(file->nfs);
    free(file);
    return rc;
  }
  info->fh = (uintptr_t)file;
  return 0;
}

/*
 * SETATTR by path with the anonymous stateid. libnfs's own chmod, chown and utimes open the file first,
 * which a directory does not allow and the sequence of opens does not survive.
 */
struct attributes {
  uint32_t mask[2];
  char values[512];
  unsigned length;
};

static void put_u32(struct attributes *a, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) a->values[a->length++] = (char)(value >> shift);
}

static void put_attribute(struct attributes *a, int number) { a->mask[number / 32] |= 1u << number % 32; }

static void put_id(struct attributes *a, int number, unsigned id) {
  char text[16];
  unsigned length = (unsigned)snprintf(text, sizeof text, "%u", id);
  put_attribute(a, number);
  put_u32(a, length);
  for (unsigned i = 0; i < (length + 3) / 4 * 4; i++) a->values[a->length++] = i < length ? text[i] : 0;
}

static void put_time(struct attributes *a, int number, const struct timespec *t) {
  if (t->tv_nsec == UTIME_OMIT) return;
  put_attribute(a, number);
  put_u32(a, t->tv_nsec != UTIME_NOW); /* 0: the server's clock, 1: the client's */
  if (t->tv_nsec == UTIME_NOW) return;
  put_u32(a, (uint32_t)((uint64_t)t->tv_sec >> 32));
  put_u32(a, (uint32_t)t->tv_sec);
  put_u32(a, (uint32_t)t->tv_nsec);
}

struct answer {
  int done, error;
};

static void answered(struct rpc_context *rpc, int status, void *data, void *private_data) {
  (void)rpc;
  struct answer *answer = private_data;
  nfsstat4 code = status == RPC_STATUS_SUCCESS ? ((COMPOUND4res *)data)->status : NFS4ERR_IO;
  answer->done = 1;
  switch (code) {
  case NFS4_OK: answer->error = 0; break;
  case NFS4ERR_PERM: answer->error = -EPERM; break;
  case NFS4ERR_NOENT: answer->error = -ENOENT; break;
  case NFS4ERR_ACCESS: answer->error = -EACCES; break;
  case NFS4ERR_ROFS: answer->error = -EROFS; break;
  case NFS4ERR_NOSPC: answer->error = -ENOSPC; break;
  case NFS4ERR_DQUOT: answer->error = -EDQUOT; break;
  case NFS4ERR_ISDIR: answer->error = -EISDIR; break;
  case NFS4ERR_INVAL: case NFS4ERR_BADOWNER: answer->error = -EINVAL; break;
  case NFS4ERR_STALE: answer->error = -ESTALE; break;
  default: answer->error = -EIO;
  }
}

static int set_attributes(const char *path, struct attributes *a) {
  char whole[8192];
  nfs_argop4 ops[256];
  COMPOUND4args args;
  struct answer answer = {0, 0};
  unsigned n = 0;
  memset(ops, 0, sizeof ops);
  memset(&args, 0, sizeof args);
  snprintf(whole, sizeof whole, "%s/%s", export, path);
  ops[n++].argop = OP_PUTROOTFH;
  for (char *rest = NULL, *name = strtok_r(whole, "/", &rest); name; name = strtok_r(NULL, "/", &rest)) {
    if (n == sizeof ops / sizeof *ops - 1) return -ENAMETOOLONG;
    ops[n].argop = OP_LOOKUP;
    ops[n].nfs_argop4_u.oplookup.objname.utf8string_len = (unsigned)strlen(name);
    ops[n++].nfs_argop4_u.oplookup.objname.utf8string_val = name;
  }
  ops[n].argop = OP_SETATTR;
  fattr4 *set = &ops[n++].nfs_argop4_u.opsetattr.obj_attributes;
  set->attrmask.bitmap4_len = 2;
  set->attrmask.bitmap4_val = a->mask;
  set->attr_vals.attrlist4_len = a->length;
  set->attr_vals.attrlist4_val = a->values;
  args.argarray.argarray_len = n;
  args.argarray.argarray_val = ops;
  if (rpc_nfs4_compound_async(nfs_get_rpc_context(as_caller()), answered, &args, &answer)) return -EIO;
  while (!answer.done) {
    struct pollfd fd = {nfs_get_fd(nfs), (short)nfs_which_events(nfs), 0};
    if (poll(&fd, 1, 100) < 0 && errno != EINTR) return -EIO;
    if (nfs_service(nfs, fd.revents) < 0) return -EIO;
  }
  return answer.error;
}

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
  int rc = info ? nfs_fstat64(FILE_OF(info)->nfs, FILE_OF(info)->handle, &found) : nfs_lstat64(as_caller(), path, &found);
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
  (void)info;
  struct attributes a = {{0, 0}, "", 0};
  put_attribute(&a, FATTR4_MODE);
  put_u32(&a, mode & 07777);
  return set_attributes(path, &a);
}

static int op_chown(const char *path, uid_t uid, gid_t gid, struct fuse_file_info *info) {
  (void)info;
  struct attributes a = {{0, 0}, "", 0};
  if (uid != (uid_t)-1) put_id(&a, FATTR4_OWNER, uid);
  if (gid != (gid_t)-1) put_id(&a, FATTR4_OWNER_GROUP, gid);
  return set_attributes(path, &a);
}

static int op_truncate(const char *path, off_t size, struct fuse_file_info *info) {
  if (info) return nfs_ftruncate(FILE_OF(info)->nfs, FILE_OF(info)->handle, (uint64_t)size);
  struct attributes a = {{0, 0}, "", 0};
  put_attribute(&a, FATTR4_SIZE);
  put_u32(&a, (uint32_t)((uint64_t)size >> 32));
  put_u32(&a, (uint32_t)size);
  return set_attributes(path, &a);
}

static int op_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *info) {
  (void)info;
  struct attributes a = {{0, 0}, "", 0};
  put_time(&a, FATTR4_TIME_ACCESS_SET, &times[0]);
  put_time(&a, FATTR4_TIME_MODIFY_SET, &times[1]);
  return a.length ? set_attributes(path, &a) : 0;
}

static int op_open(const char *path, struct fuse_file_info *info) {
  int flags = info->flags & (O_ACCMODE | O_APPEND | O_SYNC);
  if (info->flags & O_TRUNC) {
    int rc = op_truncate(path, 0, NULL);
    if (rc) return rc;
  }
  return open_file(path, flags, 0, info);
}

/* libnfs leaves a new file with mode 0600 and the times of an exclusive create's verifier. */
static int op_create(const char *path, mode_t mode, struct fuse_file_info *info) {
  const struct timespec now = {0, UTIME_NOW};
  struct attributes a = {{0, 0}, "", 0};
  int flags = info->flags & (O_ACCMODE | O_APPEND | O_SYNC | O_EXCL);
  int rc = open_file(path, flags | O_CREAT, (int)(mode & 07777), info);
  if (rc) return rc;
  put_attribute(&a, FATTR4_MODE);
  put_u32(&a, mode & 07777);
  put_time(&a, FATTR4_TIME_ACCESS_SET, &now);
  put_time(&a, FATTR4_TIME_MODIFY_SET, &now);
  return set_attributes(path, &a);
}

static int op_read(const char *path, char *data, size_t size, off_t offset, struct fuse_file_info *info) {
  (void)path;
  size_t done = 0;
  while (done < size) {
    size_t part = size - done < PART ? size - done : PART;
    int n = nfs_pread(FILE_OF(info)->nfs, FILE_OF(info)->handle, (uint64_t)offset + done, part, data + done);
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
    size_t part = size - done < PART ? size - done : PART;
    int n = nfs_pwrite(FILE_OF(info)->nfs, FILE_OF(info)->handle, (uint64_t)offset + done, part, data + done);
    if (n <= 0) return n ? n : -EIO;
    done += (size_t)n;
  }
  return (int)done;
}

static int op_fsync(const char *path, int data_only, struct fuse_file_info *info) {
  (void)path, (void)data_only;
  return nfs_fsync(FILE_OF(info)->nfs, FILE_OF(info)->handle);
}

static int op_release(const char *path, struct fuse_file_info *info) {
  (void)path;
  struct file *file = FILE_OF(info);
  int rc = nfs_close(file->nfs, file->handle);
  nfs_destroy_context(file->nfs);
  free(file);
  return rc;
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

/* The options that FUSE shares with all file systems; NFS's own have no effect here. */
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

  server = strndup(source, (size_t)(colon - source));
  export = colon + 1;
  int failed;
  nfs = connection(20000, &failed);
  if (failed) {
    const char *why = nfs_get_error(nfs);
    if (strstr(why, "NOENT")) why = "No such file or directory";
    else if (strstr(why, "ACCES") || strstr(why, "PERM")) why = "access denied by server";
    return fprintf(stderr, "mount.nfs: mounting %s failed: %s\n", source, why), 32;
  }

  snprintf(options, sizeof options, "allow_other,fsname=%s,subtype=nfs4", source);
  fuse_options(given, options, sizeof options);
  char *words[] = {argv[0], "-s", "-o", options, (char *)dir, NULL};
  return fuse_main(5, words, &operations, NULL) ? 32 : 0;
}
