/** K3s's own defaults (docs.k3s.io/cli/server, "Networking"). */
export const CLUSTER_CIDR = '10.42.0.0/16'
export const SERVICE_CIDR = '10.43.0.0/16'
