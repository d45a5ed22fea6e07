package main

import (
	"context"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// gracePeriod is the time from a node's last heartbeat until it is NotReady (K3s: 50 s).
const gracePeriod = 16 * time.Second

// control runs the controllers: manifests on every server, that of etcd's members on the holder of its lease, the others on
// the server that leads etcd. It runs when an object has changed, and every two seconds for what depends on time alone.
func (s *server) control() {
	changed := make(chan struct{}, 1)
	go s.watchObjects(changed)
	seen := heartbeats{}
	members := etcdController{server: s}
	looked := time.Time{}
	tick := time.NewTicker(2 * time.Second)
	promote := time.NewTicker(500 * time.Millisecond)
	for {
		select {
		case <-promote.C:
			s.etcd.promote()
			continue
		case <-changed:
			time.Sleep(50 * time.Millisecond)
		case <-tick.C:
		}
		if time.Since(looked) >= manifestsEvery() {
			looked = time.Now()
			s.deployManifests()
		}
		if err := members.run(); err != nil {
			errorf("error syncing nodes: %v", err)
		}
		if !s.etcd.leads() {
			seen = heartbeats{}
			continue
		}
		for _, controller := range []func() error{
			func() error { return s.judgeNodes(seen) }, s.installCharts, s.runHelmJobs, s.runLonghorn, s.runWorkloads,
		} {
			if err := controller(); err != nil {
				errorf("error syncing: %v", err)
			}
		}
	}
}

func (s *server) watchObjects(changed chan<- struct{}) {
	events := s.etcd.client.Watch(context.Background(), registry, clientv3.WithPrefix(), clientv3.WithKeysOnly())
	for answer := range events {
		for _, event := range answer.Events {
			if strings.HasPrefix(string(event.Kv.Key), registry+"leases.") {
				continue
			}
			select {
			case changed <- struct{}{}:
			default:
			}
		}
	}
}

// heartbeats holds each node's last renewal and when this server saw it, so that clocks need not agree.
type heartbeats map[string]struct {
	renewed string
	seen    time.Time
}

// judgeNodes sets the Ready condition from the leases.
func (s *server) judgeNodes(seen heartbeats) error {
	nodes, err := s.store.list(builtin("nodes"), "", "")
	if err != nil {
		return err
	}
	leases, err := s.store.list(builtin("leases"), "kube-node-lease", "")
	if err != nil {
		return err
	}
	of := map[string]object{}
	for _, lease := range leases {
		of[lease.name()] = lease
	}
	for _, node := range nodes {
		lease := of[node.name()]
		last, known := seen[node.name()]
		if renewed := lease.str("spec", "renewTime"); !known || renewed != last.renewed {
			last.renewed, last.seen = renewed, time.Now()
			seen[node.name()] = last
		}
		status, reason, message := "True", "KubeletReady", "kubelet is posting ready status"
		if said := lease.annotations()["double/ready"]; said != "true" {
			status, reason, message = "False", "KubeletNotReady", strings.TrimPrefix(said, "false: ")
		}
		if time.Since(last.seen) > gracePeriod {
			status, reason, message = "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status."
		}
		if err := s.setReady(node.name(), status, reason, message); err != nil && !isNotFound(err) {
			return err
		}
	}
	return nil
}

func (s *server) setReady(name, status, reason, message string) error {
	_, err := s.store.change(builtin("nodes"), "", name, func(node object) object {
		for _, condition := range node.list("status", "conditions") {
			if condition.str("type") == "Ready" && condition.str("status") == status && condition.str("message") == message {
				return nil
			}
		}
		node.set([]any{map[string]any{
			"type": "Ready", "status": status, "reason": reason, "message": message,
			"lastTransitionTime": timestamp(), "lastHeartbeatTime": timestamp(),
		}}, "status", "conditions")
		setTaint(node, "node.kubernetes.io/unreachable", status == "Unknown")
		setTaint(node, "node.kubernetes.io/not-ready", status == "False")
		setTaint(node, "node.kubernetes.io/unschedulable", node.is("spec", "unschedulable"))
		return node
	})
	return err
}

func setTaint(node object, key string, wanted bool) {
	var taints []any
	for _, taint := range node.list("spec", "taints") {
		if taint.str("key") != key {
			taints = append(taints, map[string]any(taint))
		}
	}
	if wanted {
		taints = append(taints, map[string]any{"key": key, "effect": "NoSchedule", "timeAdded": timestamp()})
	}
	if taints == nil {
		node.set(nil, "spec", "taints")
		return
	}
	node.set(taints, "spec", "taints")
}

// isReady returns the Ready condition.
func isReady(node object) bool {
	for _, condition := range node.list("status", "conditions") {
		if condition.str("type") == "Ready" {
			return condition.str("status") == "True"
		}
	}
	return false
}
