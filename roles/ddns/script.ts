/**
 * The script that updates the records. systemd writes its output to the journal, errors with that priority
 * (sd-daemon(3)). curl reads the header with the token from the credential's file (curl(1), -H @file).
 * Calls and answers: Cloudflare's API v4, "List Zones", "List DNS Records", "Update DNS Record".
 */
export const script = `#!/bin/sh
# Managed by fmc: gives DNS records at Cloudflare this site's public address.
set -eu
config=$1
header=$CREDENTIALS_DIRECTORY/authorization
state=$STATE_DIRECTORY
run=$RUNTIME_DIRECTORY

fail() {
  echo "<3>$*" >&2
  exit 1
}

setting() {
  jq -er "$1" "$config" || fail "$config has no $1"
}

fetch() {
  curl -q -sS --connect-timeout 10 --max-time 20 --max-filesize 1000000 "$@" 2>"$run/error"
}

# An address that the rest of the world may use, or nothing (grep may fail: there is none).
public() {
  printf %s "$1" | tr '\\n' ' ' | grep -Ex '((25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\\.){3}(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])' |
    grep -Ev '^(0|10|127)\\.|^100\\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\\.|^169\\.254\\.|^172\\.(1[6-9]|2[0-9]|3[01])\\.|^192\\.168\\.|^(22[4-9]|2[345][0-9])\\.' || :
}

address_from() {
  answer=$(fetch -4 -f "$1") || fail "cannot ask $1 for the address: $(cat "$run/error"); nothing is changed"
  found=$(public "$answer")
  [ -n "$found" ] || fail "$1 does not answer with a public IPv4 address: $(printf %s "$answer" | tr -c '[:print:]' ' ' | cut -c 1-80); nothing is changed"
}

# call METHOD PATH [BODY]: the answer is in $run/body.
call() {
  method=$1 path=$2
  shift 2
  status=$(fetch -X "$method" -H "@$header" -H 'Content-Type: application/json' \\
    -D "$run/head" -o "$run/body" -w '%{http_code}' "$@" "$api$path") ||
    fail "cannot reach Cloudflare at $api: $(cat "$run/error"); nothing is changed"
  said=$(jq -r '[.errors[]? | "\\(.code) \\(.message)"] | join(", ")' "$run/body" 2>/dev/null | tr -c '[:print:]' ' ' | cut -c 1-200) || said=
  case $status in
    200) jq -e '.success == true' "$run/body" >/dev/null 2>&1 || fail "Cloudflare's answer to $method $path is not understood: $said" ;;
    401 | 403) fail "Cloudflare refuses the token: HTTP $status $said; it needs Zone.DNS Edit for this zone" ;;
    429) limited ;;
    5??) fail "Cloudflare has trouble: HTTP $status $said; nothing is changed, the timer tries again" ;;
    *) fail "Cloudflare refuses $method $path: HTTP $status $said" ;;
  esac
}

limited() {
  wait=$(sed -n 's/^[Rr][Ee][Tt][Rr][Yy]-[Aa][Ff][Tt][Ee][Rr]: *\\([0-9]\\{1,5\\}\\)[^0-9]*$/\\1/p' "$run/head" | tail -n 1)
  [ -n "$wait" ] || wait=300
  now=$(date +%s)
  echo "$now $((now + wait))" >"$state/not-before"
  fail "Cloudflare limits the rate: HTTP 429, not asked again for $wait s; nothing is changed"
}

if [ -e "$state/not-before" ]; then
  # May fail: read, of a file that an older fmc or a full disk has left empty.
  begun= until=
  read -r begun until <"$state/not-before" || :
  now=$(date +%s)
  rest=$((\${until:-0} - now))
  # A wait that begins in the future: the clock was ahead then.
  [ $rest -le 0 ] || [ "$begun" -gt "$now" ] || fail "Cloudflare limits the rate: not asked again for $rest s"
  rm -f "$state/not-before"
fi

api=$(setting .api)
address_from "$(setting '.sources[0]')"
address=$found
address_from "$(setting '.sources[1]')"
[ "$found" = "$address" ] ||
  fail "the sources disagree: $(setting '.sources[0]') says $address, $(setting '.sources[1]') says $found; nothing is changed"

update() {
  name=$1 zone=$2
  call GET "/zones?name=$zone"
  id=$(jq -r '.result[0].id // empty' "$run/body")
  [ -n "$id" ] || fail "the token sees no zone $zone at Cloudflare"
  call GET "/zones/$id/dns_records?type=A&name=$name"
  count=$(jq '.result | length' "$run/body")
  [ "$count" = 1 ] || fail "$name has $count A records at Cloudflare, and not one"
  record=$(jq -r '.result[0].id' "$run/body")
  old=$(jq -r '.result[0].content' "$run/body" | tr -c '[:print:]\\n' ' ')
  [ "$old" != "$address" ] || return 0
  # Only the address: whether the record is proxied stays as it is.
  call PATCH "/zones/$id/dns_records/$record" --data "{\\"content\\":\\"$address\\"}"
  [ "$(jq -r '.result.content' "$run/body")" = "$address" ] || fail "Cloudflare has not taken $address for $name"
  echo "$name: $old -> $address"
}

# One name that fails does not keep the others from being right.
failed=0
jq -r '.records[] | "\\(.name) \\(.zone)"' "$config" >"$run/records"
while read -r name zone; do
  (update "$name" "$zone") </dev/null || failed=1
  [ ! -e "$state/not-before" ] || break
done <"$run/records"
exit $failed
`
