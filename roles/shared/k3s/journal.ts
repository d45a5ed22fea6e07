/** How many lines of the journal count: a try of K3s that dies after 20 s logs some hundreds. */
const LINES = 3000

/**
 * Shell text that prints `said …`, what a unit of K3s complained of between the start and the end of its last try that
 * ended, and `says …`, the same of the try that runs now; lines are separated by the character RS. systemd's own lines show where
 * a try ends. K3s logs by logrus (level=fatal|error), the kubelet inside by klog (E or F, then the date: k8s.io/klog, "Log
 * format"), and an agent that no server lets in complains with level=info.
 */
export const complaintsOf = (unit: 'k3s' | 'k3s-agent'): string =>
  `journalctl -q -u ${unit}.service -o cat -n ${LINES} --no-pager | awk '
/^${unit}\\.service: (Main process exited|Failed with result|Deactivated successfully|Succeeded)/ { if (now != "") last = now; now = ""; next }
/^[EF][0-9][0-9][0-9][0-9] |^panic: |^fatal error: |^Error|level=(fatal|error)|Waiting to retrieve/ {
  now = now "\\036" substr($0, 1, 800)
  if (length(now) > 20000) now = substr(now, length(now) - 15000)
}
END { print "said " last; print "says " now }'`

/** Separates lines: awk's "\036". */
const SEPARATOR = '\u001e'

/**
 * Complaints of a K3s that is or becomes healthy: of its start, while parts of it wait for each other, and of servers
 * that come and go.
 */
const NOISE: readonly RegExp[] = [
  /Sending HTTP\/[\d.]+ \d+ response to /,
  /Failed to set sysctl/,
  /(apiserver|runtime core|etcd) (is )?not ready/i,
  /please apply your changes to the latest version|the object has been modified/,
  /[Rr]emotedialer|Failed to connect to proxy|Tunnel endpoint watch|Unable to watch for tunnel/,
  /metrics\.k8s\.io|metrics-server|OpenAPI/,
  /cni (plugin not initialized|config uninitialized)|NetworkPluginNotReady/i,
  /node \\?"[\w.-]+\\?" not found|nodes \\?"[\w.-]+\\?" not found|Failed to ensure lease exists/,
  /Eviction manager: failed to get summary stats|failed to get node info/i,
  /Unable to authenticate the request|leader ?election.*(retrieving resource lock|Failed to update lock)/i,
  /Error getting the current node from lister|CSINode|DNSConfigForming|Nameserver limits/,
]

/** A line with which the process ends, if it can still say why. */
const LAST_WORDS =
  /level=fatal|^F\d{4} |^panic: |^fatal error: |Shutdown request received: |"?(command failed|Failed to (start|run|initialize|create) [\w ]*(kubelet|ContainerManager|cgroup)|failed to run Kubelet)/i

/**
 * The line that says why K3s ended: its last fatal one, else its last complaint that is no noise. Empty: there is none.
 *
 * @example
 * lastWord('\u001eE0729 12:00:00.0 1 kubelet.go:1703] "Failed to start ContainerManager" err="…"')
 */
export function lastWord(complaints: string): string {
  const lines = complaints.split(SEPARATOR).filter(l => l !== '' && !NOISE.some(n => n.test(l)))
  return messageOf(lines.findLast(l => LAST_WORDS.test(l)) ?? lines.at(-1) ?? '')
}

const LONGEST_MESSAGE = 500

/** The `msg` of a logrus line, the text of a klog line without its header; any other line as it is. */
export function messageOf(line: string): string {
  const quoted = /msg=("(?:[^"\\]|\\.)*")/.exec(line)?.[1]
  const plain = line.replace(/^[EF]\d{4} [\d:.]+ +\d+ [\w./-]+:\d+\] /, '')
  let text = plain
  try {
    if (quoted !== undefined) text = String(JSON.parse(quoted))
  } catch {
    // It is cut, or no JSON: the line as it is.
  }
  return text.slice(0, LONGEST_MESSAGE)
}
