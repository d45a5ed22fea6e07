"""What the stand-ins for FreeIPA's commands share: their state, and the files of Kerberos and BIND."""
import ipaddress
import json
import os
import secrets
import subprocess
import sys

STATE = "/var/lib/ipa/fmc-lab.json"
SERVER_STATE = "/var/lib/ipa/sysrestore/sysrestore.state"
CLIENT_STATE = "/var/lib/ipa-client/sysrestore/sysrestore.state"
CONF = "/etc/ipa/default.conf"
KEYTAB = "/etc/krb5.keytab"
KDC_CONF = "/var/kerberos/krb5kdc/kdc.conf"
ENV = {**os.environ, "KRB5_KDC_PROFILE": KDC_CONF}


def die(text, code=1):
    print(text, file=sys.stderr)
    sys.exit(code)


def run(*words, text="", check=True):
    done = subprocess.run(words, input=text, text=True, env=ENV, capture_output=True)
    if check and done.returncode != 0:
        die(f"{words[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


def load():
    try:
        with open(STATE) as file:
            return json.load(file)
    except FileNotFoundError:
        die("IPA is not configured (see man pages of ipa-server-install for help)", 6)


def complete(path, done):
    write(path, f"[installation]\ncomplete = {done}\n\n")


def completed(path):
    try:
        with open(path) as file:
            return "complete = True" in file.read()
    except FileNotFoundError:
        return False


def kadmin(*lines):
    """Commands for kadmin.local on its standard input: passwords stay out of arguments."""
    return run("/usr/sbin/kadmin.local", text="".join(f"{line}\n" for line in lines))


def krb5_conf(realm, domain, server):
    write("/etc/krb5.conf", f"""[libdefaults]
 default_realm = {realm}
 dns_lookup_kdc = false
 rdns = false
[realms]
 {realm} = {{
  kdc = {server}:88
 }}
[domain_realm]
 .{domain} = {realm}
""")


def default_conf(realm, domain, host, server):
    write(CONF, f"[global]\nhost = {host}\nbasedn = {suffix(domain)}\nrealm = {realm}\ndomain = {domain}\nxmlrpc_uri = https://{server}/ipa/xml\n")


def suffix(domain):
    return ",".join(f"dc={label}" for label in domain.split("."))


def ldapi(realm):
    return f"ldapi://%2Frun%2Fslapd-{realm.replace('.', '-')}.socket"


def dirsrv(state):
    return f"dirsrv@{state['realm'].replace('.', '-')}"


def running(unit):
    return run("systemctl", "is-active", "-q", unit, check=False).returncode == 0


def systemctl(*words):
    run("systemctl", *words)


def save(state):
    """Keeps the state, and gives BIND its zones."""
    state["serial"] = state.get("serial", 0) + 1
    write(STATE, json.dumps(state, indent=1))
    forwarders = "".join(f" {address};" for address in state["forwarders"])
    zones = []
    for zone, names in state["zones"].items():
        path = f"/var/named/{zone}.db"
        lines = [f"$ORIGIN {zone}.", "$TTL 86400",
                 f"@ IN SOA {state['fqdn']}. hostmaster.{state['domain']}. {state['serial']} 3600 900 1209600 3600",
                 f"@ IN NS {state['fqdn']}."]
        for name, records in names.items():
            for kind, values in records.items():
                lines += [f"{name} IN {kind.removesuffix('record').upper()} {value}" for value in values]
        write(path, "\n".join(lines) + "\n")
        os.chmod(path, 0o644)
        zones.append(f'zone "{zone}" {{ type primary; file "{path}"; }};')
    write("/etc/named.conf", f"""options {{
 directory "/var/named";
 pid-file "/run/named/named.pid";
 session-keyfile "/run/named/session.key";
 listen-on {{ any; }};
 allow-query {{ any; }};
 recursion yes;
 dnssec-validation no;
 forward {state['policy']};
 forwarders {{{forwarders} }};
}};
controls {{ }};
{chr(10).join(zones)}
""")
    os.chmod("/etc/named.conf", 0o644)
    checked = run("/usr/bin/named-checkconf", "-z", "/etc/named.conf", check=False)
    if checked.returncode != 0:
        die(f"ipa: ERROR: BIND refuses this: {checked.stdout.strip()}")
    if running("named"):
        systemctl("reload", "named")


def address(text):
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def random_password():
    return secrets.token_hex(16)
