package main

import "time"

const (
	// installTime is the shortest time of helm's pod.
	installTime = time.Second
	// firstBackoff is the wait before the second restart of a container; it doubles (kubelet: 10 s, at most 5 minutes).
	firstBackoff, longestBackoff = 2 * time.Second, 20 * time.Second
	podLog, podOldLog            = "double/log", "double/log-previous"
	podStarted                   = "double/started"
)

// runHelmJobs is the job controller and the kubelet for helm's jobs; any other job ends well after the time of a pod.
func (s *server) runHelmJobs() error {
	jobs, err := s.store.list(builtin("jobs"), "", "")
	if err != nil {
		return err
	}
	for _, job := range jobs {
		run := s.runHelmJob
		if job.labels()[chartLabel] == "" {
			run = s.runOtherJob
		}
		if err := run(job); err != nil && !isNotFound(err) {
			return err
		}
	}
	return nil
}

func (s *server) runOtherJob(job object) error {
	started, err := time.Parse(time.RFC3339, job.str("metadata", "creationTimestamp"))
	if hasCondition(job, "Complete") || err == nil && time.Since(started) < podStart() {
		return nil
	}
	return s.setJob(job, 0, "Complete", "True", "")
}

func (s *server) runHelmJob(job object) error {
	chart, err := s.store.get(builtin("helmcharts"), job.namespace(), job.labels()[chartLabel])
	if isNotFound(err) {
		return s.deleteJob(job)
	}
	if err != nil {
		return err
	}
	if hasCondition(job, "Complete") || hasCondition(job, "Failed") {
		return nil
	}
	if job.is("spec", "suspend") {
		if hasCondition(job, "Suspended") {
			return nil
		}
		if err := s.deletePods(job); err != nil {
			return err
		}
		return s.setJob(job, 0, "Suspended", "True", "Job suspended")
	}
	pods, err := s.podsOfJob(job)
	if err != nil {
		return err
	}
	if len(pods) == 0 {
		if _, err := s.store.create(builtin("pods"), helmPod(job)); err != nil {
			return err
		}
		return s.setJob(job, 1, "Suspended", "False", "Job resumed")
	}
	return s.runHelmPod(chart, job, pods[0])
}

func (s *server) podsOfJob(job object) ([]object, error) {
	return s.store.list(builtin("pods"), job.namespace(), "batch.kubernetes.io/controller-uid="+job.str("metadata", "uid"))
}

func (s *server) deletePods(job object) error {
	pods, err := s.podsOfJob(job)
	for _, pod := range pods {
		if _, err := s.store.delete(builtin("pods"), pod.namespace(), pod.name()); err != nil && !isNotFound(err) {
			return err
		}
	}
	return err
}

// deleteJob deletes a job and its pods.
func (s *server) deleteJob(job object) error {
	if err := s.deletePods(job); err != nil {
		return err
	}
	_, err := s.store.delete(builtin("jobs"), job.namespace(), job.name())
	if isNotFound(err) {
		return nil
	}
	return err
}

func (s *server) setJob(job object, active int, condition, truth, message string) error {
	_, err := s.store.change(builtin("jobs"), job.namespace(), job.name(), func(live object) object {
		live.set(float64(active), "status", "active").set(conditions(condition, truth, message), "status", "conditions")
		if active > 0 {
			live.set(timestamp(), "status", "startTime")
		}
		return normal(live)
	})
	return err
}

// helmPod is a pod that no node has taken yet.
func helmPod(job object) object {
	template := job.sub("spec", "template")
	return normal(object{"metadata": map[string]any{
		"name": job.name() + "-" + suffix(), "namespace": job.namespace(),
		"annotations": template.at("metadata", "annotations"),
		"labels": map[string]any{
			chartLabel: job.labels()[chartLabel], "batch.kubernetes.io/controller-uid": job.str("metadata", "uid"),
			"batch.kubernetes.io/job-name": job.name(),
		},
		"ownerReferences": []any{map[string]any{
			"apiVersion": "batch/v1", "kind": "Job", "name": job.name(), "uid": job.str("metadata", "uid"), "controller": true,
		}},
	}, "spec": template.at("spec"), "status": map[string]any{
		"phase": "Pending", "conditions": []any{map[string]any{
			"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available",
		}},
	}})
}

func (s *server) runHelmPod(chart, job, pod object) error {
	if pod.str("status", "phase") == "Pending" {
		node := s.roomFor(chart)
		if node == "" {
			return nil
		}
		return s.setPod(pod, func(live object) { startContainer(live.set(node, "spec", "nodeName"), 0) })
	}
	started, _ := time.Parse(time.RFC3339Nano, pod.annotations()[podStarted])
	if time.Since(started) < installTime {
		return nil
	}
	restarts := containerOf(pod).num("restartCount")
	result, err := s.klipper(chart, job)
	if err != nil {
		return err
	}
	infof("Helm job %s of chart %s: exit code %d: %s", job.name(), chart.name(), result.code, result.log)
	end := map[string]any{"exitCode": result.code, "reason": "Completed", "message": result.message, "finishedAt": timestamp()}
	if result.code == 0 {
		err := s.setPod(pod, func(live object) {
			live.set("Succeeded", "status", "phase").set(result.log, "metadata", "annotations", podLog)
			setContainer(live, restarts, map[string]any{"terminated": end}, nil)
		})
		if err != nil {
			return err
		}
		return s.setJob(job, 0, "Complete", "True", "")
	}
	end["reason"] = "Error"
	if limit := job.num("spec", "backoffLimit"); restarts >= limit {
		return s.setJob(job, 0, "Failed", "True", "Job has reached the specified backoff limit")
	}
	return s.setPod(pod, func(live object) {
		live.set(result.log, "metadata", "annotations", podOldLog)
		startContainer(live, backoff(restarts))
		setContainer(live, restarts+1, map[string]any{"waiting": map[string]any{"reason": "CrashLoopBackOff"}}, map[string]any{"terminated": end})
	})
}

// backoff is the wait before a restart: none before the first.
func backoff(restarts int) time.Duration {
	if restarts == 0 {
		return 0
	}
	return min(firstBackoff<<min(restarts-1, 10), longestBackoff)
}

// startContainer starts helm's container, after a wait.
func startContainer(pod object, wait time.Duration) {
	pod.set(time.Now().Add(wait).UTC().Format(time.RFC3339Nano), "metadata", "annotations", podStarted)
	pod.set(nil, "metadata", "annotations", podLog)
	pod.set("Running", "status", "phase").set([]any{map[string]any{"type": "Ready", "status": "True"}}, "status", "conditions")
	setContainer(pod, containerOf(pod).num("restartCount"), map[string]any{"running": map[string]any{"startedAt": timestamp()}}, nil)
}

func containerOf(pod object) object {
	for _, container := range pod.list("status", "containerStatuses") {
		return container
	}
	return object{}
}

func setContainer(pod object, restarts int, state, last map[string]any) {
	container := map[string]any{"name": "helm", "restartCount": restarts, "state": state, "ready": state["running"] != nil}
	if last != nil {
		container["lastState"] = last
	}
	pod.set([]any{container}, "status", "containerStatuses")
}

func (s *server) setPod(pod object, change func(object)) error {
	_, err := s.store.change(builtin("pods"), pod.namespace(), pod.name(), func(live object) object {
		change(live)
		return normal(live)
	})
	return err
}

// roomFor returns a node for the job's pod, "" while there is none; bootstrap charts tolerate the control plane.
func (s *server) roomFor(chart object) string {
	nodes, _ := s.store.list(builtin("nodes"), "", "")
	for _, node := range nodes {
		if isReady(node) && !node.is("spec", "unschedulable") && (chart.is("spec", "bootstrap") || fits(object{}, node, false)) {
			return node.name()
		}
	}
	return ""
}
