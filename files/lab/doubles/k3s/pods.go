package main

import (
	"fmt"
	"time"
)

// The states of a pod, as far as `kubectl get pods` shows them.

// starting gives a new pod its place and its first state: it waits for a node, or for its containers.
func starting(pod object, place string, nodes int) object {
	if place == "" {
		message := fmt.Sprintf("0/%d nodes are available: none fits the pod's selector and tolerations.", nodes)
		return pod.set("Pending", "status", "phase").set([]any{podCondition("PodScheduled", "False", message)}, "status", "conditions")
	}
	return waiting(pod.set(place, "spec", "nodeName"), "ContainerCreating").
		set(timestamp(), "status", "startTime")
}

func podCondition(kind, status, message string) map[string]any {
	c := map[string]any{"type": kind, "status": status, "lastTransitionTime": timestamp()}
	if message != "" {
		c["message"] = message
	}
	return c
}

func waiting(pod object, reason string) object {
	return pod.set("Pending", "status", "phase").set([]any{
		podCondition("PodScheduled", "True", ""), podCondition("Ready", "False", ""),
	}, "status", "conditions").set(containers(pod, false, map[string]any{"waiting": map[string]any{"reason": reason}}), "status", "containerStatuses")
}

func running(pod object, ready bool) object {
	status := map[bool]string{true: "True", false: "False"}[ready]
	return pod.set("Running", "status", "phase").set([]any{
		podCondition("PodScheduled", "True", ""), podCondition("Ready", status, ""),
	}, "status", "conditions").set(containers(pod, ready, map[string]any{"running": map[string]any{"startedAt": timestamp()}}), "status", "containerStatuses")
}

func containers(pod object, ready bool, state map[string]any) []any {
	names := []string{}
	for _, c := range pod.list("spec", "containers") {
		names = append(names, c.str("name"))
	}
	if len(names) == 0 {
		names = append(names, "main")
	}
	var result []any
	for _, name := range names {
		result = append(result, map[string]any{"name": name, "ready": ready, "restartCount": 0, "state": state})
	}
	return result
}

// advance lets time pass for a pod: its containers are created after a while, unless its annotations say otherwise.
func (w *workloads) advance(pod object) error {
	if pod.str("status", "phase") != "Pending" || pod.str("spec", "nodeName") == "" {
		return nil
	}
	started, err := time.Parse(time.RFC3339, pod.str("status", "startTime"))
	if err == nil && time.Since(started) < podStart() {
		return nil
	}
	why, never := pod.annotations()["double/pending"]
	if never {
		return nil
	}
	why, unready := pod.annotations()["double/not-ready"]
	if unready {
		w.server.tell(pod, "Unhealthy", "Readiness probe failed: "+why)
	}
	_, err = w.server.store.change(builtin("pods"), pod.namespace(), pod.name(), func(live object) object {
		return normal(running(live, !unready))
	})
	if isNotFound(err) {
		return nil
	}
	return err
}

// explain makes the event of a new pod that will not run, as scheduler and kubelet do.
func (s *server) explain(pod object) {
	if pod.str("spec", "nodeName") == "" {
		for _, c := range pod.list("status", "conditions") {
			s.tell(pod, "FailedScheduling", c.str("message"))
		}
	} else if why, never := pod.annotations()["double/pending"]; never {
		if why == "" {
			why = `MountVolume.SetUp failed for volume "data": the annotation double/pending is set`
		}
		s.tell(pod, "FailedMount", why)
	}
}

// tell makes an event about a pod.
func (s *server) tell(pod object, reason, message string) {
	event := object{
		"metadata":       map[string]any{"name": pod.name() + "." + reason, "namespace": pod.namespace()},
		"involvedObject": map[string]any{"kind": "Pod", "namespace": pod.namespace(), "name": pod.name()},
		"type":           "Warning", "reason": reason, "message": message, "lastTimestamp": timestamp(), "count": 1.0,
	}
	if err := s.store.ensure(builtin("events"), event); err != nil {
		errorf("Failed to create event: %v", err)
	}
}
