package main

import (
	"bufio"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

func TestTokens(t *testing.T) {
	hash := strings.Repeat("a", 64)
	for token, want := range map[string]string{
		"":                               "token must not be empty",
		"secret":                         "",
		"K10" + hash + "::server:secret": "",
		"K10abc::server:secret":          "invalid token CA hash length",
		"K10" + hash + "::server":        "invalid token format",
	} {
		info, err := parseToken(token)
		if got := errorText(err); got != want {
			t.Errorf("%q: %q, want %q", token, got, want)
		}
		if err == nil && info.password != "secret" {
			t.Errorf("%q: password %q", token, info.password)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestSelectors(t *testing.T) {
	labels := map[string]string{"app": "a", "tier": ""}
	for selector, want := range map[string]bool{
		"": true, "app=a": true, "app==a": true, "app!=a": false, "app": true, "!app": false, "gone": false, "!gone": true,
		"app in (a,b)": true, "app in (b, c)": false, "app=a,tier=": true, "app=a,tier=x": false,
	} {
		if matches(selector, labels) != want {
			t.Errorf("%q: not %v", selector, want)
		}
	}
}

func TestApplyForgetsWhatIsNoLongerWanted(t *testing.T) {
	live := applied(object{}, parsed(t, `{metadata: {name: x}, spec: {a: 1, b: {c: 2, d: 3}}}`))
	live.set("set by a controller", "status")
	after := applied(live, parsed(t, `{metadata: {name: x}, spec: {b: {c: 4}}}`))
	after.set(nil, "metadata", "annotations")
	want := parsed(t, `{metadata: {name: x}, spec: {b: {c: 4}}, status: set by a controller}`)
	after.sub("metadata")["annotations"] = nil
	delete(after.sub("metadata"), "annotations")
	if string(after.json()) != string(want.json()) {
		t.Errorf("%s, want %s", after.json(), want.json())
	}
}

func parsed(t *testing.T, text string) object {
	t.Helper()
	var o object
	if err := yaml.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestBudgets(t *testing.T) {
	pods := []object{}
	for _, phase := range []string{"Running", "Running", "Pending"} {
		pods = append(pods, parsed(t, `{metadata: {labels: {app: a}}, status: {phase: `+phase+`}}`))
	}
	for spec, want := range map[string]int{
		"minAvailable: 1": 1, "minAvailable: 2": 0, "minAvailable: 50%": 0, "minAvailable: 30%": 1,
		"maxUnavailable: 1": 0, "maxUnavailable: 2": 1,
	} {
		budget := parsed(t, `{spec: {selector: {matchLabels: {app: a}}, `+spec+`}}`)
		if got := allowed(budget, pods); got != want {
			t.Errorf("%s: %d, want %d", spec, got, want)
		}
	}
}

func TestTaintsKeepPodsAway(t *testing.T) {
	node := parsed(t, `{metadata: {labels: {disk: ssd}}, spec: {taints: [{key: k, value: v, effect: NoSchedule}]}}`)
	for template, want := range map[string]bool{
		`{}`:                                  false,
		`{tolerations: [{operator: Exists}]}`: true,
		`{tolerations: [{key: k, operator: Exists}]}`:                            true,
		`{tolerations: [{key: k, value: v, effect: NoSchedule}]}`:                true,
		`{tolerations: [{key: k, value: w}]}`:                                    false,
		`{tolerations: [{key: k, operator: Exists, effect: NoExecute}]}`:         false,
		`{nodeSelector: {disk: hdd}, tolerations: [{key: k, operator: Exists}]}`: false,
	} {
		if fits(parsed(t, template), node, false) != want {
			t.Errorf("%s: not %v", template, want)
		}
	}
}

func TestProxyHeaders(t *testing.T) {
	v2 := signatureV2 + "\x21\x11\x00\x0c\xc0\xa8\x00\x07\x0a\x11\x04\x18\x30\x39\x00\x50"
	local := signatureV2 + "\x20\x00\x00\x00"
	for header, want := range map[string]string{
		"PROXY TCP4 192.168.0.7 10.17.4.24 12345 80\r\n": "192.168.0.7:0",
		v2: "192.168.0.7:12345", local: "", "GET / HTTP/1.1\r\n\r\n": "", "PUT / HTTP/1.1\r\n\r\n": "",
	} {
		client, err := readProxyHeader(bufio.NewReader(strings.NewReader(header + "rest of the request")))
		got := ""
		if client != nil {
			got = client.String()
		}
		if err != nil || got != want {
			t.Errorf("%q: %q %v, want %q", header, got, err, want)
		}
	}
}

func TestHelmConflicts(t *testing.T) {
	before := parsed(t, `{replicas: 1, template: {spec: {a: 1}}}`)
	for live, want := range map[string]string{
		`{replicas: 1, template: {spec: {a: 1}}, added: 1}`: "",
		`{replicas: 5, template: {spec: {a: 1}}}`:           ".spec.replicas",
		`{replicas: 2, template: {spec: {a: 1}}}`:           "",
		`{replicas: 1, template: {spec: {a: 7}}}`:           ".spec.template.spec.a",
	} {
		wanted := parsed(t, `{replicas: 2, template: {spec: {a: 1}}}`)
		if got := conflict(before, parsed(t, live), wanted, ".spec"); got != want {
			t.Errorf("%s: %q, want %q", live, got, want)
		}
	}
	if got := conflict(nil, parsed(t, `{replicas: 5}`), parsed(t, `{replicas: 1}`), ".spec"); got != "" {
		t.Errorf("what helm never set is no conflict: %q", got)
	}
}

func TestHelmSettings(t *testing.T) {
	chart := parsed(t, `{spec: {failurePolicy: abort, forceConflicts: true}}`)
	for override, want := range map[string]settings{
		`{}`: {failurePolicy: "abort", forceConflicts: true},
		`{spec: {failurePolicy: retry, forceConflicts: false}}`: {failurePolicy: "retry"},
	} {
		got := settingsOf(chart, parsed(t, override))
		if got.failurePolicy != want.failurePolicy || got.forceConflicts != want.forceConflicts {
			t.Errorf("%s: %v", override, got)
		}
		if label := labelOf(got.hash); len(label) != 63 || !strings.HasPrefix(got.hash, "SHA256="+label) {
			t.Errorf("%s is the label of %s", label, got.hash)
		}
	}
	if got := settingsOf(object{}, nil).failurePolicy; got != "reinstall" {
		t.Errorf("the default policy is %s", got)
	}
	for restarts, want := range []time.Duration{0, 2, 4, 8, 16, 20, 20} {
		if got := backoff(restarts); got != want*time.Second {
			t.Errorf("%d restarts: %s", restarts, got)
		}
	}
}

func TestArguments(t *testing.T) {
	cfg, err := parseArgs([]string{"--cluster-init", "-t", "x", "--disable=a,b", "--disable", "c"}, append(serverFlags, agentFlags...))
	if err != nil || !cfg.is("cluster-init") || cfg.str("token", "") != "x" || strings.Join(cfg.list("disable"), " ") != "a b c" {
		t.Errorf("%v %v", cfg, err)
	}
	if _, err := parseArgs([]string{"--nonsense"}, serverFlags); errorText(err) != "flag provided but not defined: -nonsense" {
		t.Errorf("%v", err)
	}
}

func TestSnapshotFlagsHaveOneForm(t *testing.T) {
	lines := config{"etcd-snapshot-retention": {"20"}, "agent-token": {"x"}}
	for args, want := range map[string]string{
		"--name fmc --snapshot-retention 5":         "Cannot use two forms of the same flag: etcd-snapshot-retention snapshot-retention",
		"--name fmc --etcd-snapshot-retention 5":    "",
		"--name=fmc --etcd-snapshot-retention=5 -o": "",
	} {
		given, _ := splitNames(strings.Fields(args))
		cfg, err := oneForm(lines, given)
		if got := errorText(err); got != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
		if err == nil && (cfg.str("name", "") != "fmc" || cfg.str("snapshot-retention", "") != "5" || cfg["agent-token"] != nil) {
			t.Errorf("%s: %v", args, cfg)
		}
	}
	given, names := splitNames([]string{"a", "--dir", "/x", "b"})
	if strings.Join(names, " ") != "a b" || given.str("dir", "") != "/x" {
		t.Errorf("%v %v", names, given)
	}
}

func TestTimesAreShortUnlessAHostWantsThemReal(t *testing.T) {
	if manifestsEvery() > 2*1e9 || leaseTime() > 5*1e9 || podStart() > 2*1e9 {
		t.Error("the lab's times are not short")
	}
}

func TestPodsTakeTimeAndSayWhyTheyWait(t *testing.T) {
	pod := starting(parsed(t, `{metadata: {name: p, namespace: n}, spec: {containers: [{name: c}]}}`), "w1", 2)
	if pod.str("status", "phase") != "Pending" || isReady(pod) || pod.list("status", "containerStatuses")[0].str("state", "waiting", "reason") != "ContainerCreating" {
		t.Errorf("%s", pod.json())
	}
	if pod = running(pod, true); !isReady(pod) || pod.list("status", "containerStatuses")[0].str("name") != "c" {
		t.Errorf("%s", pod.json())
	}
	if pod = running(pod, false); isReady(pod) || pod.str("status", "phase") != "Running" {
		t.Errorf("%s", pod.json())
	}
	homeless := starting(parsed(t, `{metadata: {name: p, namespace: n}}`), "", 2)
	if got := homeless.list("status", "conditions")[0].str("message"); !strings.HasPrefix(got, "0/2 nodes are available") {
		t.Errorf("%s", got)
	}
}
