/**
 * Shell text that asks firewalld over D-Bus: `firewalld OBJECT INTERFACE METHOD [SIGNATURE ARGUMENT…]` prints the answer, a
 * single string, path or boolean, and `$now` is the object of what holds now. firewalld.dbus(5) has the methods; busctl(1)
 * is a part of systemd. firewall-cmd would ask the same, but starts Python for each question (0.3 s).
 */
export const FIREWALLD = `now=/org/fedoraproject/FirewallD1
firewalld() {
  object=$1 interface=org.fedoraproject.FirewallD1$2; shift 2
  said=$(busctl call org.fedoraproject.FirewallD1 "$object" "$interface" "$@" 2>/dev/null) || return
  said=\${said#* } said=\${said#\\"}
  printf '%s\\n' "\${said%\\"}"
}`
