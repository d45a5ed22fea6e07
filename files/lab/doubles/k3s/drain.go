package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

// drain cordons a node and evicts its pods; it retries every five seconds while a budget forbids it (kubectl drain).
func (k *kube) drain() error {
	if len(k.words) != 2 {
		return errors.New("error: USAGE: drain NODE [flags]")
	}
	name := strings.TrimPrefix(k.words[1], "node/")
	if err := k.setSchedulable(name, false); err != nil {
		return err
	}
	pods, err := k.drainable(name)
	if err == nil {
		err = k.evictAll(pods)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "error: unable to drain node %q due to error: %v, continuing command...\n", name, err)
		return fmt.Errorf("There are pending nodes to be drained:\n %s\nerror: %w", name, err)
	}
	fmt.Printf("node/%s drained\n", name)
	return nil
}

func (k *kube) drainable(node string) ([]object, error) {
	list, err := k.object(http.MethodGet, "/api/v1/pods?fieldSelector=spec.nodeName%3D"+node, "", nil)
	if err != nil {
		return nil, err
	}
	var result []object
	var daemons, bare, local []string
	for _, pod := range list.list("items") {
		name := pod.namespace() + "/" + pod.name()
		if owner(pod).str("kind") == "DaemonSet" {
			daemons = append(daemons, name)
			continue
		}
		if owner(pod) == nil && k.flags["force"] != "true" {
			bare = append(bare, name)
		}
		for _, volume := range pod.list("spec", "volumes") {
			if volume.at("emptyDir") != nil && k.flags["delete-emptydir-data"] != "true" {
				local = append(local, name)
			}
		}
		result = append(result, pod)
	}
	if len(bare) > 0 {
		return nil, fmt.Errorf("cannot delete Pods that declare no controller (use --force to override): %s", strings.Join(bare, ", "))
	}
	if len(local) > 0 {
		return nil, fmt.Errorf("cannot delete Pods with local storage (use --delete-emptydir-data to override): %s", strings.Join(local, ", "))
	}
	if len(daemons) > 0 && k.flags["ignore-daemonsets"] != "true" {
		return nil, fmt.Errorf("cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): %s", strings.Join(daemons, ", "))
	}
	if len(daemons) > 0 {
		fmt.Fprintf(os.Stderr, "Warning: ignoring DaemonSet-managed Pods: %s\n", strings.Join(daemons, ", "))
	}
	return result, nil
}

func (k *kube) evictAll(pods []object) error {
	limit, deadline := k.flags["timeout"], time.Time{}
	if d, err := time.ParseDuration(limit); err == nil && d > 0 {
		deadline = time.Now().Add(d)
	}
	for {
		var waiting []object
		for _, pod := range pods {
			again, err := k.evictOne(pod)
			if err != nil {
				return err
			}
			if again {
				waiting = append(waiting, pod)
			}
		}
		if len(waiting) == 0 {
			return nil
		}
		pause := 5 * time.Second
		if !deadline.IsZero() && time.Until(deadline) < pause {
			pause = max(time.Until(deadline), 0)
		}
		time.Sleep(pause)
		if !deadline.IsZero() && !time.Now().Before(deadline) {
			first := waiting[0]
			return fmt.Errorf("error when evicting pods/%q -n %q: global timeout reached: %s", first.name(), first.namespace(), limit)
		}
		pods = waiting
	}
}

func (k *kube) evictOne(pod object) (again bool, err error) {
	name, namespace := pod.name(), pod.namespace()
	fmt.Printf("evicting pod %s/%s\n", namespace, name)
	body := object{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": map[string]any{"name": name, "namespace": namespace}}
	_, err = k.object(http.MethodPost, builtin("pods").path(namespace)+"/"+name+"/eviction", "application/json", body.json())
	var status *apiError
	if errors.As(err, &status) && status.code == 429 {
		fmt.Fprintf(os.Stderr, "error when evicting pods/%q -n %q (will retry after 5s): %s\n", name, namespace, status.message)
		return true, nil
	}
	if err != nil && !isNotFound(err) {
		return false, fmt.Errorf("error when evicting pods/%q -n %q: %w", name, namespace, err)
	}
	fmt.Printf("pod/%s evicted\n", name)
	return false, nil
}
