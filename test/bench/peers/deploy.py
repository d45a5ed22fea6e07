# The same workload for pyinfra. files.put has no validation, so a wrong file would go live here.
from pyinfra.operations import apt, files, server, systemd

apt.packages(name="packages", packages=["haproxy", "nginx-light", "cron", "tree"], no_recommends=True)
server.group(name="group", group="bench", system=True)
server.user(
    name="user", user="bench", group="bench", system=True, create_home=False,
    shell="/usr/sbin/nologin", home="/var/lib/bench",
)
files.directory(name="directory /etc/bench", path="/etc/bench", mode="755", user="root", group="root")
files.directory(name="directory /var/lib/bench", path="/var/lib/bench", mode="750", user="bench", group="bench")


def put(name, src, dest, mode):
    return files.put(name=name, src="files/" + src, dest=dest, mode=mode, user="root", group="root")


sysctl = put("file sysctl", "90-bench.conf", "/etc/sysctl.d/90-bench.conf", "644")
haproxy = put("file haproxy.cfg", "haproxy.cfg", "/etc/haproxy/haproxy.cfg", "644")
nginx = put("file nginx.conf", "nginx.conf", "/etc/nginx/nginx.conf", "644")
put("file sudoers", "bench.sudoers", "/etc/sudoers.d/bench", "440")
put("file bench-check", "bench-check", "/usr/local/bin/bench-check", "755")
put("file cron", "bench.cron", "/etc/cron.d/bench", "644")
files.line(name="line", path="/etc/hosts", line="10.98.0.250 api.bench.internal")
for service in ["haproxy", "nginx", "cron"]:
    systemd.service(name="service " + service, service=service, running=True, enabled=True)
server.shell(name="load sysctl", commands=["sysctl -q -p /etc/sysctl.d/90-bench.conf"], _if=sysctl.did_change)
server.shell(name="reload haproxy", commands=["systemctl reload-or-restart haproxy"], _if=haproxy.did_change)
server.shell(name="reload nginx", commands=["systemctl reload-or-restart nginx"], _if=nginx.did_change)
