/**
 * fmc_make OWNER MODE PATH ANCESTOR…: makes a directory with owner and mode, and its missing ancestors as root:root 0755. Goes
 * after WALK and CHANGE (handles.ts). Where another user may write, it makes the directory in its place with mode 0700,
 * enters it and checks it by device and inode, and only then sets owner and mode. If an interrupted run has left an empty
 * directory of root with mode 0700, it continues with that one.
 */
export const MAKE_DIRECTORY = `fmc_empty() {
  [ -d "$1" ] && ! [ -L "$1" ] || return
  case $(stat -c '%u %a' -- "$1")/$(ls -A -- "$1") in '0 700/' | '0 2700/') ;; *) return 1 ;; esac
}
fmc_unmake() {
  find . -xdev -depth -mindepth 1 -type d -empty -delete 2>/dev/null || :
  cd -P .. && rmdir -- "./$fmc_private" 2>/dev/null || :
}
fmc_make() {
  fmc_who=$1 fmc_bits=$2 fmc_path=$3
  shift 3
  umask 022
  fmc_open=$(find / "$@" -maxdepth 0 ! '(' -type d -uid 0 ! -perm /022 ')' -printf x 2>/dev/null) || :
  if [ -z "$fmc_open" ]; then
    mkdir -p -- "\${fmc_path%/*}/"
    cd -- "\${fmc_path%/*}/"
    [ -d "./\${fmc_path##*/}" ] || mkdir -- "./\${fmc_path##*/}"
    cd -- "./\${fmc_path##*/}"
    chown -h -- "$fmc_who" .
    chmod -- "$fmc_bits" .
    return
  fi
  fmc_dir=
  for fmc_part do
    [ -d "$fmc_part" ] || break
    [ "$fmc_part" != "$fmc_path" ] || [ "$(stat -Lc %u -- "\${fmc_dir:-/}")" = 0 ] || ! fmc_empty "$fmc_part" || break
    fmc_dir=$fmc_part
  done
  fmc_walk "$fmc_dir"
  fmc_rest=\${fmc_path#"$fmc_dir"}
  if [ -n "$fmc_rest" ]; then
    fmc_rest=\${fmc_rest#/}
    fmc_name=\${fmc_rest%%/*} fmc_private=$fmc_name fmc_own=
    umask 077
    if mkdir -- "./$fmc_name" 2>/dev/null || fmc_empty "./$fmc_name"; then
      cd -P -- "./$fmc_name"
      fmc_inside
      [ -z "$fmc_own" ] || { cd -P ..; rmdir -- "./$fmc_name"; }
    elif [ "$fmc_uid" != 0 ]; then
      fmc_own=1
    else
      mkdir -- "./$fmc_name"
    fi
    umask 022
    if [ -n "$fmc_own" ]; then
      fmc_owned "$(id -u -- "\${fmc_who%%:*}" 2>/dev/null || printf %s "\${fmc_who%%:*}")"
      fmc_as sh -euc 'umask 022; mkdir -p -- "$1"; chmod -- "$2" "$1"' sh "$fmc_path" "$fmc_bits"
      return
    fi
    trap fmc_unmake EXIT
    fmc_inner=./\${fmc_rest#"$fmc_name"}
    mkdir -p -- "$fmc_inner"
    [ "$(stat -Lc %d:%i -- "\${fmc_dir:-/}")" = "$fmc_at" ] && [ "../$fmc_name" -ef . ] || fmc_no "someone has just exchanged $fmc_dir/$fmc_name"
    chown -h -- "$fmc_who" "$fmc_inner"
    trap - EXIT
    chmod -- "$fmc_bits" "$fmc_inner"
    [ "$fmc_inner" = ./ ] || chmod -- 00755 .
  else
    chown -h -- "$fmc_who" .
    chmod -- "$fmc_bits" .
  fi
}
`
