import { packages as installed } from '../../../lib/index.ts'
import type { Workload } from './index.ts'
import { playOf, roleOf } from './make.ts'

/** A repository of two versions of one package and a second package, in a directory of the host; the /usr of light hosts cannot be written. */
const REPOSITORY = `set -e
pack() { d=/tmp/$1-$2; mkdir -p $d/DEBIAN $d/opt/$1; printf 'Package: %s\\nVersion: %s\\nArchitecture: all\\nMaintainer: faults <faults@faults.internal>\\nDescription: for a test\\n' $1 $2 >$d/DEBIAN/control
for i in 1 2 3; do echo "$1 $2 $i" >$d/opt/$1/$i; done; dpkg-deb -b $d /opt/repo/$1_$2.deb >/dev/null; rm -rf $d; }
mkdir -p /opt/repo; pack tiny 1; pack tiny 2; pack more 1
cd /opt/repo; for f in *.deb; do dpkg-deb -f $f; printf 'Filename: ./%s\\nSize: %s\\nSHA256: %s\\n\\n' $f $(stat -c %s $f) $(sha256sum $f | cut -d' ' -f1); done >Packages
echo 'deb [trusted=yes] file:/opt/repo ./' >/etc/apt/sources.list.d/repo.list
apt-get -q -o APT::Sandbox::User=root update >/dev/null`

/** Packages of a local repository: one is upgraded, one is new. dpkg does most of the work, and may be interrupted. */
export const packages: Workload = {
  name: 'packages',
  hosts: ['a'],
  prepare: REPOSITORY,
  plays: v => [
    playOf(
      roleOf('packages', async () => {
        await installed(v === 'old' ? 'tiny=1' : 'tiny=2', ...(v === 'new' ? ['more'] : []))
      }),
    ),
  ],
  restless: [
    /^\/var\/lib\/(dpkg|apt)(\/|$)/,
    /^\/var\/cache\/apt(\/|$)/,
    /^\/var\/log\/(apt|dpkg\.log|alternatives)/,
    /^\/opt\/(tiny|more)\/\d\.dpkg-(new|tmp)$/,
    /^\/var\/cache\/debconf/,
  ],
}
