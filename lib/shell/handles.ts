/*
 * How fmc changes files on a host as root. It works on directory handles (the shell's current directory is one) and on
 * relative names, never through a path that another user could redirect in the meantime.
 *
 * A directory is closed when it and all its ancestors belong to root and only root may write to them: then only root can
 * change what the path leads to. Every other directory is open, and fmc walks to it one handle after another. The rules
 * there are those of systemd-tmpfiles(8), "unsafe path transition": fmc follows a link only out of a closed directory.
 * Below a user's directory, fmc passes through directories of that user and of root, and works only in a directory of
 * that user, who could have put any other one there with rename(2).
 *
 * fmc makes new content in NAME.fmc-new, a directory of root with mode 0700 beside NAME. The owner of the parent cannot
 * read it and cannot move it to another parent: rename(2) demands write access to a directory that gets a new parent.
 * So `..` stays the same, and `mv -T new ../NAME` puts NAME in its place or fails. fmc makes a new directory in its place,
 * with mode 0700 until it is complete, and never moves one there: when rename(2) fails with EXDEV (an owner can cause this
 * with project quotas), mv(1) makes directories by path and follows a link in their place.
 *
 * On NFS with root_squash or all_squash, files that root makes do not belong to root. There fmc makes `new` in /run, and a
 * process of the directory's owner puts it in place. That process can do no more than its user, and must not receive what
 * belongs to another user.
 */

/** Enters a directory by handles; sets its fmc_at (device and inode), fmc_uid and fmc_gid. */
export const WALK = `fmc_no() { printf '%s\\n' "$1" >&2; exit 73; }
fmc_walk() {
  fmc_rest=$1/ fmc_hops=0 fmc_user=
  cd / || return
  while [ -n "$fmc_rest" ]; do
    fmc_part=\${fmc_rest%%/*} fmc_rest=\${fmc_rest#*/}
    case $fmc_part in '' | .) continue ;; ..) cd -P .. || return; continue ;; esac
    set -- $(stat -c '%d:%i %u %f' .)
    fmc_at=$1 fmc_uid=$2 fmc_mode=$3
    if [ -L "./$fmc_part" ]; then
      [ "$fmc_uid$fmc_user" = 0 ] && [ $((0x$fmc_mode & 022)) = 0 ] || fmc_no "\${PWD%/}/$fmc_part is a link in a directory that other users may write: fmc does not follow it"
      [ "$(stat -c %u -- "./$fmc_part")" = 0 ] || fmc_no "\${PWD%/}/$fmc_part is a link that root does not own: fmc does not follow it"
      fmc_hops=$((fmc_hops + 1))
      [ $fmc_hops -le 40 ] || fmc_no "\${PWD%/}/$fmc_part: too many links"
      fmc_to=$(readlink -- "./$fmc_part") || return
      case $fmc_to in /*) cd / || return ;; esac
      fmc_rest=$fmc_to/$fmc_rest
      continue
    fi
    [ $((0x$fmc_mode & 01002)) != 2 ] || fmc_no "every user may write to $PWD and could exchange $fmc_part: chmod +t $PWD"
    cd -P -- "./$fmc_part" 2>/dev/null || fmc_no "there is no directory \${PWD%/}/$fmc_part"
    set -- $(stat -c '%d:%i %u' .. .)
    [ "$1" = "$fmc_at" ] || fmc_no "someone has just exchanged $fmc_part in a directory of uid $fmc_uid"
    [ "$4" = 0 ] || [ "$4" = "\${fmc_user:=$4}" ] || fmc_no "$PWD belongs to $(stat -c %U .), but uid $fmc_user could exchange it"
  done
  set -- $(stat -c '%d:%i %u %g' .)
  fmc_at=$1 fmc_uid=$2 fmc_gid=$3
  [ "\${fmc_user:=$2}" = "$2" ] || fmc_no "$PWD belongs to $(stat -c %U .), but uid $fmc_user, who owns a directory above it, could exchange it: chown $fmc_user $PWD, or move it to a directory of root"
}
`

/**
 * For changes. Every function runs under `set -e` and fails with one line on stderr. Without a connection that line raises
 * SIGPIPE, which would end the shell without its EXIT trap: a trap makes an exit of it. Other programs do not inherit that.
 */
export const CHANGE = `fmc_enter() {
  fmc_dir=$1
  fmc_open=$(find "$@" -maxdepth 0 ! '(' -type d -uid 0 ! -perm /022 ')' -printf x 2>/dev/null) || fmc_open=x
  if [ -z "$fmc_open" ]; then cd -- "$1"; else fmc_walk "$1"; fi
}
fmc_inside() {
  [ -n "$fmc_open" ] || return 0
  set -- $(stat -c '%d:%i %u %a' .. .) "$(ls -ld .)"
  [ "$1" = "$fmc_at" ] && [ -z "$(ls -A -I new -I pin)" ] || fmc_no "someone has just exchanged $fmc_dir/$fmc_private"
  case $7 in ??????????+*)
    cd -P .. && rmdir -- "./$fmc_private" 2>/dev/null || :
    fmc_no "$fmc_dir has a default ACL, which would give other users access to new files: setfacl -k $fmc_dir" ;;
  esac
  case $5:$6 in
    0:700 | 0:2700) ;;
    0:*) fmc_no "someone has just exchanged $fmc_dir/$fmc_private" ;;
    "$fmc_uid":*) fmc_own=1 ;;
    *) fmc_no "someone has just exchanged $fmc_dir/$fmc_private" ;;
  esac
}
fmc_mkdir() {
  mkdir -- "./$fmc_private" && return
  if [ -L "./$fmc_private" ] || ! [ -d "./$fmc_private" ]; then
    rm -f -- "./$fmc_private"
    mkdir -- "./$fmc_private"
    return
  fi
  [ -n "$fmc_open" ] || return 0
  [ "$(stat -c '%u %a' -- "./$fmc_private") $(ls -A -I new -I pin -- "./$fmc_private")" != '0 700 ' ] || return 0
  fmc_private=$(mktemp -d "./$fmc_private.XXXXXX") && fmc_private=\${fmc_private#./}
}
fmc_stage() {
  fmc_name=$1 fmc_private=$1.fmc-new fmc_own=
  umask 077
  if ! fmc_mkdir 2>/dev/null; then
    [ -n "$fmc_open" ] && [ "$fmc_uid" != 0 ] || { mkdir -- "./$fmc_private"; exit 73; }
    fmc_own=1
  fi
  if [ -z "$fmc_own" ]; then
    cd -P -- "./$fmc_private"
    fmc_inside
    [ -z "$fmc_own" ] || { cd -P ..; rmdir -- "./$fmc_private"; }
  fi
  if [ -n "$fmc_own" ]; then
    fmc_private=$(mktemp -d /run/fmc-stage.XXXXXX)
    cd -P -- "$fmc_private"
    fmc_private=\${fmc_private##*/}
  fi
  trap 'exit 141' PIPE
  trap fmc_unstage EXIT
  fmc_clear
}
fmc_resume() {
  fmc_name=$1 fmc_private=$1.fmc-new fmc_own=
  umask 077
  cd -P -- "./$fmc_private"
  fmc_inside
  trap 'exit 141' PIPE
  trap fmc_unstage EXIT
  [ -z "$fmc_own" ] && [ -f new ] && ! [ -L new ] || fmc_no "someone has just exchanged $fmc_dir/$fmc_private"
}
fmc_clear() {
  rm -f -- new pin 2>/dev/null || find new -xdev -depth -type d -empty -delete 2>/dev/null || :
}
fmc_unstage() {
  fmc_clear
  cd -P .. && rmdir -- "./$fmc_private" 2>/dev/null || :
}
fmc_tidy() {
  fmc_private=$1.fmc-new
  [ -d "./$fmc_private" ] || return 0
  cd -P -- "./$fmc_private"
  if [ -n "$fmc_open" ]; then
    set -- $(stat -c '%d:%i %u' .. .)
    [ "$1 $4" = "$fmc_at 0" ] || fmc_no "someone has just exchanged $fmc_dir/$fmc_private"
  fi
  fmc_unstage
}
fmc_as() {
  fmc_group=$(getent passwd "$fmc_uid" | cut -d: -f4)
  setpriv --reuid="$fmc_uid" --regid="\${fmc_group:-65534}" --clear-groups -- "$@"
}
fmc_owned() {
  [ "$1" = "$fmc_uid" ] || fmc_no "files that root makes in $fmc_dir do not belong to root (NFS with root_squash?); only files of its owner, uid $fmc_uid, are possible there"
}
fmc_pin() {
  ln -PT -- "../$fmc_name" pin
  set -- $(stat -c '%f %h %u' pin)
  [ $((0x$1 & 0170000)) = 32768 ] && [ "$2" = 2 ] || fmc_no "$fmc_dir/$fmc_name is not a regular file, or has other hard links"
  fmc_owner=$3
}
fmc_copy() {
  if [ -z "$fmc_open" ]; then
    cp --preserve=all -- "../$fmc_name" new
  elif [ -n "$fmc_own" ]; then
    fmc_owner=$fmc_uid
    fmc_bits=$(fmc_as stat -c %a -- "$fmc_dir/$fmc_name")
    fmc_as dd "if=$fmc_dir/$fmc_name" iflag=nofollow,nonblock bs=64k status=none >new
    chown -- "$fmc_uid:$fmc_gid" new
    chmod -- "$fmc_bits" new
  else
    fmc_pin
    cp --preserve=all -- pin new
  fi
}
fmc_show() {
  umask 022
  chmod 0711 .
  fmc_candidate=$PWD/new
  if [ -n "$fmc_open" ] && [ -z "$fmc_own" ]; then
    read -r fmc_pid fmc_rest </proc/self/stat
    fmc_candidate=/proc/$fmc_pid/cwd/new
  fi
  export fmc_candidate
}
fmc_publish() {
  if [ -n "$fmc_own" ]; then
    [ -f new ] && ! [ -L new ] || fmc_no "$fmc_dir/$fmc_name is on a file system where root can make only regular files"
    fmc_owned "$(stat -c %u new)"
    fmc_as sh -euc 'umask 077; cd -- "$1"; rm -rf -- "./$2.fmc-new"; set -C; cat >"./$2.fmc-new"; chmod -- "$3" "./$2.fmc-new"; sync -- "./$2.fmc-new"; mv -fT -- "./$2.fmc-new" "./$2"' sh "$fmc_dir" "$fmc_name" "$(stat -c %a new)" <new
    fmc_unstage
    trap - EXIT
    umask 022
    return
  fi
  if [ -n "$fmc_open" ]; then
    [ "$(stat -Lc %d:%i -- "$fmc_dir")" = "$fmc_at" ] || fmc_no "someone has just exchanged $fmc_dir"
    ! [ -e pin ] || [ pin -ef "../$fmc_name" ] || fmc_no "someone has just exchanged $fmc_dir/$fmc_name"
  fi
  mv -fT -- new "../$fmc_name"
  fmc_unstage
  trap - EXIT
  umask 022
}
fmc_access() {
  if [ -z "$fmc_open" ]; then
    chown -h -- "$2" "./$1"
    chmod -- "$3" "./$1"
  else
    fmc_stage "$1"
    fmc_copy
    if [ -n "$4" ]; then
      printf '%s  new\\n' "$4" | sha256sum -c --quiet - >&2
    else
      [ "$fmc_owner" = "$fmc_uid" ] || fmc_no "$fmc_dir/$1 does not belong to the owner of $fmc_dir, who could exchange it"
    fi
    chown -h -- "$2" new
    chmod -- "$3" new
    sync -- new
    fmc_publish
  fi
}
`
