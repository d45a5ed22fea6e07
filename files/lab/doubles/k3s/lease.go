package main

import "time"

const etcdLease = "k3s-etcd"

// etcdController removes the etcd members of deleted nodes. It runs on the server that holds the lease k3s-etcd: the
// finalizer wrangler.cattle.io/managed-etcd-controller keeps the Node of a server until then (pkg/etcd/member_controller.go).
type etcdController struct {
	server  *server
	renewed string
	seen    time.Time
}

const memberFinalizer = "wrangler.cattle.io/managed-etcd-controller"

func (c *etcdController) run() error {
	holds, err := c.holdsLease()
	if err != nil || !holds {
		return err
	}
	nodes, err := c.server.store.list(builtin("nodes"), "", "")
	if err != nil {
		return err
	}
	for _, node := range nodes {
		if node.str("metadata", "deletionTimestamp") == "" {
			continue
		}
		infof("Removing etcd member from cluster due to node delete name=%s", node.name())
		if err := c.server.etcd.tryRemove(node.annotations()["etcd.k3s.cattle.io/node-name"]); err != nil {
			return err
		}
		if _, err := c.server.store.delete(builtin("nodes"), "", node.name()); err != nil && !isNotFound(err) {
			return err
		}
		c.server.forgetNode(node)
	}
	return nil
}

// holdsLease renews the lease, or takes it when its holder has not renewed it for too long; clocks need not agree.
func (c *etcdController) holdsLease() (bool, error) {
	me := c.server.cfg.nodeName()
	stamp := func(lease object) object {
		return lease.set(me, "spec", "holderIdentity").set(time.Now().UTC().Format(time.RFC3339Nano), "spec", "renewTime").
			set(leaseTime().Seconds(), "spec", "leaseDurationSeconds")
	}
	lease, err := c.server.store.get(builtin("leases"), "kube-system", etcdLease)
	if isNotFound(err) {
		_, err = c.server.store.create(builtin("leases"), stamp(object{"metadata": map[string]any{"name": etcdLease, "namespace": "kube-system"}}))
		return err == nil, nil
	}
	if err != nil {
		return false, err
	}
	holder, renewed := lease.str("spec", "holderIdentity"), lease.str("spec", "renewTime")
	fresh := renewed != c.renewed
	if fresh {
		c.renewed, c.seen = renewed, time.Now()
	}
	if holder != me && (fresh || time.Since(c.seen) < leaseTime()) {
		return false, nil
	}
	if at, err := time.Parse(time.RFC3339Nano, renewed); err == nil && holder == me && time.Since(at) < leaseTime()/3 {
		return true, nil
	}
	lease, err = c.server.store.change(builtin("leases"), "kube-system", etcdLease, func(live object) object {
		if live.str("spec", "renewTime") != renewed {
			return nil
		}
		return stamp(live)
	})
	return err == nil && lease.str("spec", "holderIdentity") == me, err
}
