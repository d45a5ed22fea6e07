/**
 * Stands in for systemctl(1) on light hosts, which have no systemd: units, their states, what is enabled, whether a file is newer
 * than what was loaded, and timers, which fire only when a case says so (`systemctl fire`). A service that runs has read the
 * file after `# reads`; `/srv/running/UNIT` is what it has read. It does not prove how systemd itself behaves.
 */
export const SYSTEMCTL = `#!/bin/sh
S=/run/standin E=/etc/systemd/system
[ "$1" = -q ] && shift
verb=$1; shift
[ "$1" = --no-block ] && shift
[ "$1" = -q ] && shift
mkdir -p $S/active $S/loaded
name() { case $1 in *.service | *.timer | *.target) u=$1 ;; *) u=$1.service ;; esac; }
load() { rm -f $S/loaded/*; for f in $E/*.service $E/*.timer; do [ ! -f "$f" ] || cp "$f" $S/loaded/; done; }
reads() { sed -n 's/^# reads //p' "$S/loaded/$1"; }
begin() {
  [ -e "$S/loaded/$1" ] || { [ ! -f "$E/$1" ] || cp "$E/$1" $S/loaded/; }
  [ -e "$S/loaded/$1" ] || { echo "Unit $1 not found." >&2; exit 5; }
  case $1 in *.service) grep -q '^ExecStart=' "$S/loaded/$1" || { echo "Unit $1 has a bad unit file setting." >&2; exit 1; } ;; esac
  if grep -q '^Type=oneshot' "$S/loaded/$1"; then eval "$(sed -n 's/^ExecStart=//p' "$S/loaded/$1")"; return; fi
  r=$(reads "$1")
  if [ -n "$r" ]; then mkdir -p /srv/running && cat "$r" >"/srv/running/$1" || exit 1; fi
  : >"$S/active/$1"
}
case $verb in
daemon-reload) load ;;
show)
  while [ "$1" != -- ]; do shift; done
  shift; first=1
  for n; do
    name "$n"; [ $first = 1 ] || echo; first=0
    l=not-found a=inactive e= r=no
    [ ! -f $S/loaded/$u ] && [ -f $E/$u ] && cp $E/$u $S/loaded/
    if [ -L $E/$u ] && [ "$(readlink $E/$u)" = /dev/null ]; then l=masked e=masked
    elif [ -f $S/loaded/$u ]; then l=loaded; cmp -s $S/loaded/$u $E/$u || r=yes
      if grep -q WantedBy $S/loaded/$u; then e=disabled; for w in $E/*.wants/$u; do [ ! -L "$w" ] || e=enabled; done; else e=static; fi
    fi
    [ ! -e $S/active/$u ] || a=active
    printf 'LoadState=%s\\nActiveState=%s\\nUnitFileState=%s\\nNeedDaemonReload=%s\\n' $l $a "$e" $r
  done ;;
is-active) name "$1"; if [ -e $S/active/$u ]; then echo active; else echo inactive; exit 3; fi ;;
start) [ "$1" = -- ] && shift; name "$1"; [ -e $S/active/$u ] || begin "$u" ;;
restart | reload) [ "$1" = -- ] && shift; name "$1"; rm -f "$S/active/$u"; begin "$u" ;;
stop) [ "$1" = -- ] && shift; name "$1"; rm -f "$S/active/$u" ;;
enable) [ "$1" = -- ] && shift; name "$1"; mkdir -p $E/multi-user.target.wants; ln -sf $E/$u $E/multi-user.target.wants/$u ;;
disable) [ "$1" = -- ] && shift; name "$1"; rm -f $E/*.wants/$u ;;
boot) load; for w in $E/*.wants/*; do [ ! -e "$w" ] || begin "\${w##*/}"; done ;;
fire) for t in $S/active/*.timer; do [ -e "$t" ] || continue; rm "$t"; t=\${t##*/}; begin "\${t%.timer}.service"; done ;;
*) echo "the stand-in for systemctl has no $verb" >&2; exit 64 ;;
esac
`
