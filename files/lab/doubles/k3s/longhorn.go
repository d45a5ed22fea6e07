package main

import (
	"encoding/json"
	"sort"
	"time"
)

const longhornNamespace = "longhorn-system"

var (
	lhNode    = lhKind("Node", "nodes")
	lhVolume  = lhKind("Volume", "volumes")
	lhReplica = lhKind("Replica", "replicas")
	lhSetting = lhKind("Setting", "settings")
)

func lhKind(kind, plural string) resource {
	return resource{Group: "longhorn.io", Version: "v1beta2", Kind: kind, Plural: plural, Namespaced: true}
}

func longhornObjects(values object, namespace string) []object {
	objects := []object{
		definition("longhorn.io", "Setting", "settings", true),
		definition("longhorn.io", "Replica", "replicas", true),
		definition("longhorn.io", "Volume", "volumes", true),
		definition("longhorn.io", "Node", "nodes", true),
		workload("DaemonSet", "longhorn-manager", namespace, 0, object{"tolerations": values.at("longhornManager", "tolerations")}),
		workload("Deployment", "longhorn-driver-deployer", namespace, 1, nil),
		workload("Deployment", "longhorn-ui", namespace, max(values.num("longhornUI", "replicas"), 1), nil),
		{"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": map[string]any{"name": "driver.longhorn.io"}},
		{
			"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "driver.longhorn.io",
			"metadata":   map[string]any{"name": "longhorn", "annotations": map[string]any{"storageclass.kubernetes.io/is-default-class": text(values.at("persistence", "defaultClass") != false)}},
			"parameters": map[string]any{"numberOfReplicas": number(values.at("persistence", "defaultClassReplicaCount"), "3")},
		},
	}
	objects[4].set(text(values.is("defaultSettings", "createDefaultDiskLabeledNodes")), "metadata", "annotations", "double/labeled-disks-only")
	objects[4].set(values.str("defaultSettings", "defaultDataPath"), "metadata", "annotations", "double/data-path")
	return objects
}

func text(truth bool) string {
	if truth {
		return "true"
	}
	return "false"
}

func number(value any, fallback string) string {
	if value == nil {
		return fallback
	}
	data, _ := json.Marshal(value)
	return string(data)
}

// runLonghorn does what fmc sees of Longhorn: nodes with disks, volumes with copies on them, and budgets that block a
// drain.
func (s *server) runLonghorn() error {
	manager, err := s.store.get(builtin("daemonsets"), longhornNamespace, "longhorn-manager")
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	kubeNodes, err := s.store.list(builtin("nodes"), "", "")
	if err != nil {
		return err
	}
	l := longhorn{server: s, manager: manager, nodes: map[string]object{}}
	for _, node := range kubeNodes {
		if fits(manager.sub("spec", "template", "spec"), node, true) {
			l.nodes[node.name()] = node
		}
	}
	for _, step := range []func() error{l.keepNodes, l.provision, l.judgeVolumes, l.keepBudgets} {
		if err := step(); err != nil && !isNotFound(err) {
			return err
		}
	}
	return nil
}

type longhorn struct {
	server  *server
	manager object
	nodes   map[string]object
}

func (l longhorn) keepNodes() error {
	for name, node := range l.nodes {
		live, err := l.server.store.get(lhNode, longhornNamespace, name)
		if isNotFound(err) {
			if !isReady(node) {
				continue
			}
			live, err = l.server.store.create(lhNode, object{
				"metadata": map[string]any{"name": name, "namespace": longhornNamespace},
				"spec":     map[string]any{"allowScheduling": true, "disks": map[string]any{}},
			})
		}
		if err != nil {
			return err
		}
		_, err = l.server.store.change(lhNode, longhornNamespace, live.name(), func(o object) object { return l.nodeStatus(o, node) })
		if err != nil {
			return err
		}
	}
	return l.dropNodes()
}

// nodeStatus makes default disks on a node without any, and sets the conditions of the node and its disks.
func (l longhorn) nodeStatus(o, node object) object {
	if len(o.sub("spec", "disks")) == 0 {
		o.set(l.defaultDisks(node), "spec", "disks")
	}
	ready, cordoned := isReady(node), node.is("spec", "unschedulable")
	schedulable := condition("Schedulable", ready && !cordoned, "")
	if cordoned {
		schedulable["reason"] = "KubernetesNodeCordoned"
	}
	o.set([]any{condition("Ready", ready, "ManagerPodDown"), schedulable}, "status", "conditions")
	disks := map[string]any{}
	for id := range o.sub("spec", "disks") {
		disks[id] = map[string]any{"conditions": []any{condition("Ready", ready, "NoDiskInfo"), condition("Schedulable", ready, "DiskNotReady")}}
	}
	return normal(o.set(disks, "status", "diskStatus"))
}

func condition(kind string, truth bool, reason string) map[string]any {
	c := map[string]any{"type": kind, "status": "False", "reason": reason}
	if truth {
		c["status"], c["reason"] = "True", ""
	}
	return c
}

func (l longhorn) defaultDisks(node object) map[string]any {
	path := l.manager.annotations()["double/data-path"]
	if path == "" {
		path = "/var/lib/longhorn"
	}
	usual := map[string]any{"default-disk-" + node.name(): map[string]any{"path": path, "allowScheduling": true}}
	if l.manager.annotations()["double/labeled-disks-only"] != "true" {
		return usual
	}
	switch node.labels()["node.longhorn.io/create-default-disk"] {
	case "true":
		return usual
	case "config":
		var list []map[string]any
		_ = json.Unmarshal([]byte(node.annotations()["node.longhorn.io/default-disks-config"]), &list)
		result := map[string]any{}
		for i, disk := range list {
			name, _ := disk["name"].(string)
			if name == "" {
				name = "disk-" + number(i, "")
			}
			delete(disk, "name")
			result[name] = disk
		}
		return result
	}
	return map[string]any{}
}

// dropNodes removes nodes that have left the cluster, unless copies are still recorded on them.
func (l longhorn) dropNodes() error {
	list, err := l.server.store.list(lhNode, longhornNamespace, "")
	if err != nil {
		return err
	}
	replicas, err := l.server.store.list(lhReplica, longhornNamespace, "")
	if err != nil {
		return err
	}
	for _, o := range list {
		used := false
		for _, replica := range replicas {
			used = used || replica.str("spec", "nodeID") == o.name()
		}
		if _, known := l.nodes[o.name()]; known {
			continue
		}
		if used {
			_, err = l.server.store.change(lhNode, longhornNamespace, o.name(), func(o object) object { return l.nodeStatus(o, object{}) })
		} else {
			_, err = l.server.store.delete(lhNode, longhornNamespace, o.name())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// provision binds claims: to a Longhorn volume with its copies, or at once for other installed drivers.
func (l longhorn) provision() error {
	claims, err := l.server.store.list(builtin("persistentvolumeclaims"), "", "")
	if err != nil {
		return err
	}
	for _, claim := range claims {
		if claim.str("status", "phase") == "Bound" {
			continue
		}
		if err := l.bind(claim); err != nil {
			return err
		}
	}
	return nil
}

func (l longhorn) bind(claim object) error {
	class, err := l.classOf(claim)
	if err != nil || class == nil {
		return err
	}
	if _, err := l.server.store.get(builtin("csidrivers"), "", class.str("provisioner")); err != nil {
		return err
	}
	volume := "pvc-" + claim.str("metadata", "uid")
	if class.str("provisioner") == "driver.longhorn.io" {
		if err := l.makeVolume(volume, claim, class); err != nil {
			return err
		}
	}
	err = l.server.store.ensure(builtin("persistentvolumes"), object{
		"metadata": map[string]any{"name": volume},
		"spec":     map[string]any{"storageClassName": class.name(), "claimRef": map[string]any{"namespace": claim.namespace(), "name": claim.name()}},
		"status":   map[string]any{"phase": "Bound"},
	})
	if err != nil {
		return err
	}
	_, err = l.server.store.change(builtin("persistentvolumeclaims"), claim.namespace(), claim.name(), func(o object) object {
		return o.set(volume, "spec", "volumeName").set("Bound", "status", "phase")
	})
	return err
}

func (l longhorn) classOf(claim object) (object, error) {
	name := claim.str("spec", "storageClassName")
	classes, err := l.server.store.list(builtin("storageclasses"), "", "")
	for _, class := range classes {
		isDefault := class.annotations()["storageclass.kubernetes.io/is-default-class"] == "true"
		if class.name() == name || name == "" && isDefault {
			return class, nil
		}
	}
	return nil, err
}

func (l longhorn) makeVolume(name string, claim, class object) error {
	hosts := l.diskNodes()
	wanted := share(class.str("parameters", "numberOfReplicas"), 0)
	if len(hosts) == 0 {
		return nil
	}
	_, err := l.server.store.create(lhVolume, normal(object{
		"metadata": map[string]any{"name": name, "namespace": longhornNamespace},
		"spec":     map[string]any{"numberOfReplicas": wanted, "nodeID": hosts[0]},
		"status": map[string]any{"state": "attached", "robustness": "healthy", "currentNodeID": hosts[0],
			"kubernetesStatus": map[string]any{"namespace": claim.namespace(), "pvcName": claim.name(), "pvName": name}},
	}))
	if err != nil && !alreadyExists(err) {
		return err
	}
	for i := 0; i < min(wanted, len(hosts)); i++ {
		_, err := l.server.store.create(lhReplica, object{
			"metadata": map[string]any{"name": name + "-r-" + suffix(), "namespace": longhornNamespace},
			"spec":     map[string]any{"volumeName": name, "nodeID": hosts[i], "failedAt": "", "healthyAt": timestamp()},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// diskNodes returns the nodes that accept copies now.
func (l longhorn) diskNodes() []string {
	list, _ := l.server.store.list(lhNode, longhornNamespace, "")
	var result []string
	for _, o := range list {
		node := l.nodes[o.name()]
		if isReady(node) && !node.is("spec", "unschedulable") && len(o.sub("spec", "disks")) > 0 {
			result = append(result, o.name())
		}
	}
	sort.Strings(result)
	return result
}

const rebuildTime = 3 * time.Second

// copies returns the nodes with a good copy of a volume. A copy is lost when its node goes down or reboots, and is
// rebuilt some seconds after the node is back; a spec.failedAt that a test has set stays.
func (l longhorn) copies(volume object) (good []string, any bool, err error) {
	replicas, err := l.server.store.list(lhReplica, longhornNamespace, "")
	for _, replica := range replicas {
		if replica.str("spec", "volumeName") != volume.name() {
			continue
		}
		any = true
		replica = l.seen(replica)
		since, err := time.Parse(time.RFC3339, replica.str("status", "since"))
		if err == nil && time.Since(since) >= rebuildTime && replica.str("spec", "failedAt") == "" {
			good = append(good, replica.str("spec", "nodeID"))
		}
	}
	return good, any, err
}

// seen returns the boot since which a copy's node has been up; "down" while it is not.
func (l longhorn) seen(replica object) object {
	node := l.nodes[replica.str("spec", "nodeID")]
	boot, since := node.str("status", "nodeInfo", "bootID"), replica.str("status", "since")
	switch {
	case !isReady(node):
		since = "down"
	case since == "":
		since = time.Now().Add(-rebuildTime).UTC().Format(time.RFC3339)
	case since == "down" || replica.str("status", "boot") != boot:
		since = timestamp()
	}
	changed, err := l.server.store.change(lhReplica, longhornNamespace, replica.name(), func(o object) object {
		return o.set(since, "status", "since").set(boot, "status", "boot")
	})
	if err != nil {
		return replica
	}
	return changed
}

// judgeVolumes sets the robustness of volumes; volumes without copies stay as a test has made them.
func (l longhorn) judgeVolumes() error {
	volumes, err := l.server.store.list(lhVolume, longhornNamespace, "")
	if err != nil {
		return err
	}
	for _, volume := range volumes {
		good, known, err := l.copies(volume)
		if err != nil {
			return err
		}
		if !known || volume.str("status", "state") == "detached" {
			continue
		}
		robustness := "healthy"
		if len(good) == 0 {
			robustness = "faulted"
		} else if len(good) < volume.num("spec", "numberOfReplicas") {
			robustness = "degraded"
		}
		_, err = l.server.store.change(lhVolume, longhornNamespace, volume.name(), func(o object) object {
			return o.set(robustness, "status", "robustness").set(l.attachedTo(o), "status", "currentNodeID")
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// attachedTo returns the node that a volume is attached to; it follows the pods from a cordoned or removed node.
func (l longhorn) attachedTo(volume object) string {
	now := volume.str("status", "currentNodeID")
	if node := l.nodes[now]; isReady(node) && !node.is("spec", "unschedulable") {
		return now
	}
	if others := l.diskNodes(); len(others) > 0 {
		return others[0]
	}
	return now
}

// keepBudgets gives every node with copies an instance manager with a budget. It drops the budget of a cordoned node,
// unless the node has the last good copy of a volume (node-drain-policy block-if-contains-last-replica).
func (l longhorn) keepBudgets() error {
	volumes, err := l.server.store.list(lhVolume, longhornNamespace, "")
	if err != nil {
		return err
	}
	used, last := map[string]bool{}, map[string]bool{}
	for _, volume := range volumes {
		good, _, err := l.copies(volume)
		if err != nil {
			return err
		}
		for _, node := range good {
			used[node] = true
		}
		if len(good) == 1 {
			last[good[0]] = true
		}
	}
	for _, name := range l.server.clusterFault("longhorn-lags") {
		last[name] = true
	}
	for name, node := range l.nodes {
		if err := l.keepBudget(name, node, used[name], last[name]); err != nil {
			return err
		}
	}
	return nil
}

func (l longhorn) keepBudget(name string, node object, used, last bool) error {
	id := "instance-manager-" + hashCA([]byte(name))[:8]
	labels := map[string]any{"longhorn.io/instance-manager-name": id}
	pods, budgets := builtin("pods"), builtin("poddisruptionbudgets")
	cordoned := node.is("spec", "unschedulable")
	if _, err := l.server.store.get(pods, longhornNamespace, id); isNotFound(err) && used && isReady(node) && !cordoned {
		pod := object{"metadata": map[string]any{"name": id, "namespace": longhornNamespace, "labels": labels,
			"ownerReferences": []any{map[string]any{"kind": "InstanceManager", "name": id, "uid": id, "controller": true}}}, "spec": map[string]any{}}
		if _, err := l.server.store.create(pods, normal(running(pod.set(name, "spec", "nodeName"), true))); err != nil {
			return err
		}
	}
	if used && (!cordoned || last) {
		return l.server.store.ensure(budgets, object{
			"metadata": map[string]any{"name": id, "namespace": longhornNamespace},
			"spec":     map[string]any{"minAvailable": 1, "selector": map[string]any{"matchLabels": labels}},
		})
	}
	_, err := l.server.store.delete(budgets, longhornNamespace, id)
	if isNotFound(err) {
		return nil
	}
	return err
}
