# The machine is a node of a running cluster already, under another name.
mkdir -p /etc/rancher/k3s /etc/rancher/node /var/lib/rancher/k3s/agent
echo 'node-name: ip-192-0-2-1' >/etc/rancher/k3s/config.yaml
echo 0123456789abcdef >/etc/rancher/node/password
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj '/O=system:nodes/CN=system:node:ip-192-0-2-1' \
  -keyout /var/lib/rancher/k3s/agent/client-kubelet.key -out /var/lib/rancher/k3s/agent/client-kubelet.crt 2>/dev/null
