package main

import "time"

// k3sTime returns a time of K3s, or the shorter one with which the lab saves its user time. On a host whose file `times` in
// faultDir holds the word `real` the double takes K3s's own.
func k3sTime(real, short time.Duration) time.Duration {
	if text, _ := fault("times"); text == "real" {
		return real
	}
	return short
}

// manifestsEvery is the time between two looks at server/manifests (pkg/deploy/controller.go).
func manifestsEvery() time.Duration { return k3sTime(15*time.Second, time.Second) }

// quorumPatience is how long a server without a quorum goes on before its controllers give up.
func quorumPatience() time.Duration { return k3sTime(60*time.Second, 15*time.Second) }

// leaseTime is how old the lease k3s-etcd of a dead server becomes before another one takes it.
func leaseTime() time.Duration { return k3sTime(45*time.Second, 3*time.Second) }

// podStart is how long a pod's containers are being created: an image is pulled, volumes are mounted.
func podStart() time.Duration { return k3sTime(10*time.Second, time.Second) }
