package main

import (
	"fmt"
	"strconv"
	"strings"
)

// runWorkloads gives Deployments, StatefulSets and DaemonSets their pods, pods their nodes, and all of them a status.
// A pod runs a while after it has got a node (podStart); pods.go says which never do.
func (s *server) runWorkloads() error {
	w := workloads{server: s}
	var err error
	if w.nodes, err = s.store.list(builtin("nodes"), "", ""); err != nil {
		return err
	}
	if w.pods, err = s.store.list(builtin("pods"), "", ""); err != nil {
		return err
	}
	owners := map[string]bool{}
	for _, kind := range []string{"deployments", "statefulsets", "daemonsets"} {
		list, err := s.store.list(builtin(kind), "", "")
		if err != nil {
			return err
		}
		for _, owner := range list {
			owners[owner.str("metadata", "uid")] = true
			if err := w.run(builtin(kind), owner); err != nil && !isNotFound(err) {
				return err
			}
		}
	}
	return w.collect(owners)
}

type workloads struct {
	server      *server
	nodes, pods []object
}

func (w *workloads) node(name string) object {
	for _, node := range w.nodes {
		if node.name() == name {
			return node
		}
	}
	return nil
}

func owner(pod object) object {
	for _, reference := range pod.list("metadata", "ownerReferences") {
		if reference.is("controller") {
			return reference
		}
	}
	return nil
}

func (w *workloads) of(uid string) []object {
	var result []object
	for _, pod := range w.pods {
		if owner(pod).str("uid") == uid {
			result = append(result, pod)
		}
	}
	return result
}

func (w *workloads) run(r resource, o object) error {
	pods := w.of(o.str("metadata", "uid"))
	places := w.places(r, o, pods)
	kept := pods[:0:0]
	for _, pod := range pods {
		at := indexOf(places, pod.str("spec", "nodeName"))
		if at < 0 {
			if _, err := w.server.store.delete(builtin("pods"), pod.namespace(), pod.name()); err != nil && !isNotFound(err) {
				return err
			}
			continue
		}
		places = append(places[:at], places[at+1:]...)
		kept = append(kept, pod)
	}
	for _, place := range places {
		pod, err := w.server.store.create(builtin("pods"), w.podOf(r, o, place))
		if err != nil {
			return err
		}
		w.server.explain(pod)
		kept = append(kept, pod)
	}
	return w.report(r, o, kept)
}

// places returns the nodes for the pods, those that have one already first; "" means none yet.
func (w *workloads) places(r resource, o object, pods []object) []string {
	template := o.sub("spec", "template", "spec")
	var result []string
	if r.Kind == "DaemonSet" {
		for _, node := range w.nodes {
			if fits(template, node, true) {
				result = append(result, node.name())
			}
		}
		return result
	}
	wanted := 1
	if o.at("spec", "replicas") != nil {
		wanted = o.num("spec", "replicas")
	}
	for _, pod := range pods {
		if name := pod.str("spec", "nodeName"); len(result) < wanted && name != "" && w.node(name) != nil {
			result = append(result, name)
		}
	}
	for len(result) < wanted {
		result = append(result, w.leastUsed(template, result))
	}
	return result
}

// leastUsed spreads a workload's pods over the nodes that accept them.
func (w *workloads) leastUsed(template object, used []string) string {
	best, least := "", 0
	for _, node := range w.nodes {
		if !fits(template, node, false) || !isReady(node) {
			continue
		}
		load := 1000 * count(used, node.name())
		for _, pod := range w.pods {
			if pod.str("spec", "nodeName") == node.name() {
				load++
			}
		}
		if best == "" || load < least {
			best, least = node.name(), load
		}
	}
	return best
}

func count(list []string, wanted string) int {
	n := 0
	for _, text := range list {
		if text == wanted {
			n++
		}
	}
	return n
}

func indexOf(list []string, wanted string) int {
	for i, text := range list {
		if text == wanted {
			return i
		}
	}
	return -1
}

// fits checks selector and taints; DaemonSets tolerate the taints of the node controller.
func fits(template, node object, daemon bool) bool {
	for key, value := range template.texts("nodeSelector") {
		if node.labels()[key] != value {
			return false
		}
	}
	for _, taint := range node.list("spec", "taints") {
		if taint.str("effect") == "PreferNoSchedule" || (daemon && strings.HasPrefix(taint.str("key"), "node.kubernetes.io/")) {
			continue
		}
		if !tolerates(template, taint) {
			return false
		}
	}
	return true
}

func tolerates(template, taint object) bool {
	for _, t := range template.list("tolerations") {
		if t.str("effect") != "" && t.str("effect") != taint.str("effect") {
			continue
		}
		if t.str("key") == "" || t.str("key") == taint.str("key") && (t.str("operator") == "Exists" || t.str("value") == taint.str("value")) {
			return true
		}
	}
	return false
}

func (w *workloads) podOf(r resource, o object, place string) object {
	template := o.sub("spec", "template")
	pod := object{"metadata": map[string]any{
		"name": o.name() + "-" + suffix(), "namespace": o.namespace(),
		"labels": template.at("metadata", "labels"), "annotations": template.at("metadata", "annotations"),
		"ownerReferences": []any{map[string]any{
			"apiVersion": r.apiVersion(), "kind": r.Kind, "name": o.name(), "uid": o.str("metadata", "uid"), "controller": true,
		}},
	}, "spec": template.clone().at("spec")}
	return starting(pod, place, len(w.nodes))
}

// runs returns whether a pod runs: on a removed node it does not.
func (w *workloads) runs(pod object) bool {
	return pod.str("status", "phase") == "Running" && isReady(pod) && isReady(w.node(pod.str("spec", "nodeName")))
}

func (w *workloads) report(r resource, o object, pods []object) error {
	ready := 0
	for _, pod := range pods {
		if w.runs(pod) {
			ready++
		}
	}
	total, generation := len(pods), o.at("metadata", "generation")
	status := map[string]any{"observedGeneration": generation, "replicas": total, "updatedReplicas": total, "readyReplicas": ready, "availableReplicas": ready}
	if r.Kind == "DaemonSet" {
		status = map[string]any{"observedGeneration": generation, "desiredNumberScheduled": total, "currentNumberScheduled": total,
			"updatedNumberScheduled": total, "numberReady": ready, "numberAvailable": ready, "numberMisscheduled": 0}
	}
	_, err := w.server.store.change(r, o.namespace(), o.name(), func(live object) object {
		return normal(live.set(status, "status"))
	})
	return err
}

// collect removes pods whose owner or node is gone, and gives pods without an owner a node if they have none.
func (w *workloads) collect(owners map[string]bool) error {
	for _, pod := range w.pods {
		place := pod.str("spec", "nodeName")
		uid := owner(pod).str("uid")
		orphan := uid != "" && ownedByWorkload(pod) && !owners[uid]
		if orphan || place != "" && w.node(place) == nil {
			if _, err := w.server.store.delete(builtin("pods"), pod.namespace(), pod.name()); err != nil && !isNotFound(err) {
				return err
			}
			continue
		}
		if uid == "" && (place == "" || pod.str("status", "phase") == "") {
			if place == "" {
				place = w.leastUsed(pod.sub("spec"), nil)
			}
			placed, err := w.server.store.change(builtin("pods"), pod.namespace(), pod.name(), func(live object) object {
				if place == "" && live.str("status", "phase") != "" {
					return nil
				}
				return normal(starting(live, place, len(w.nodes)))
			})
			if err != nil && !isNotFound(err) {
				return err
			}
			if err == nil && pod.str("status", "phase") != placed.str("status", "phase") {
				w.server.explain(placed)
			}
			continue
		}
		if err := w.advance(pod); err != nil {
			return err
		}
	}
	return nil
}

func ownedByWorkload(pod object) bool {
	switch owner(pod).str("kind") {
	case "Deployment", "StatefulSet", "DaemonSet":
		return true
	}
	return false
}

const violates = "Cannot evict pod as it would violate the pod's disruption budget."

// evict deletes a pod unless a budget forbids it.
func (s *server) evict(namespace, name string) (object, error) {
	pod, err := s.store.get(builtin("pods"), namespace, name)
	if err != nil {
		return nil, err
	}
	budgets, err := s.store.list(builtin("poddisruptionbudgets"), namespace, "")
	if err != nil {
		return nil, err
	}
	pods, err := s.store.list(builtin("pods"), namespace, "")
	if err != nil {
		return nil, err
	}
	for _, budget := range budgets {
		if matchesSet(budget.sub("spec", "selector"), pod.labels()) && allowed(budget, pods) < 1 {
			return nil, failed(429, "TooManyRequests", violates)
		}
	}
	return s.store.delete(builtin("pods"), namespace, name)
}

// allowed returns how many pods a budget allows to be evicted now.
func allowed(budget object, pods []object) int {
	expected, healthy := 0, 0
	for _, pod := range pods {
		if !matchesSet(budget.sub("spec", "selector"), pod.labels()) {
			continue
		}
		expected++
		if pod.str("status", "phase") == "Running" {
			healthy++
		}
	}
	if value := budget.at("spec", "maxUnavailable"); value != nil {
		return healthy - (expected - share(value, expected))
	}
	return healthy - share(budget.at("spec", "minAvailable"), expected)
}

// share returns a number of pods from a number or a percentage, rounded up.
func share(value any, of int) int {
	text := strings.TrimSpace(fmt.Sprint(value))
	if percent, ok := strings.CutSuffix(text, "%"); ok {
		n, _ := strconv.Atoi(percent)
		return (n*of + 99) / 100
	}
	n, _ := strconv.Atoi(text)
	return n
}
