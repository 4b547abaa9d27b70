#!/usr/bin/env bash
# Runs the image of `make image` as an operator does, with nothing allowed that it does not need: a token, events, an answer, a
# stop, a start with the same volume. `make image-check` calls it.
#
#   CONTAINER='podman --runtime runc' deploy/check-image.sh IMAGE
set -euo pipefail

image=$1
read -ra container <<<"$CONTAINER"
name=residual-check-$$
port=$((20000 + RANDOM % 20000))
volume=$name-data
trap '"${container[@]}" rm -f "$name" >/dev/null 2>&1 || true; "${container[@]}" volume rm "$volume" >/dev/null 2>&1 || true' EXIT

# A fresh volume takes its owner from /data of the image. The check needs no network of its own.
restricted=(--no-healthcheck --read-only --cap-drop=ALL --security-opt no-new-privileges --ulimit nofile=4096:4096 --ulimit nproc=4096:4096
	--network host -e "RESIDUAL_LISTEN=127.0.0.1:$port" -e "RESIDUAL_SERVER=http://127.0.0.1:$port" -v "$volume:/data")

fail() { echo "image-check: FAILED: $*" >&2; "${container[@]}" logs "$name" >&2 || true; exit 1; }

serve() {
	"${container[@]}" run -d --name "$name" "${restricted[@]}" "$image" >/dev/null
	for _ in $(seq 100); do
		! "${container[@]}" exec "$name" /residual health 2>/dev/null || return 0
		sleep 0.1
	done
	fail "it is not healthy after 10 seconds"
}

stop() {
	local began=$SECONDS
	"${container[@]}" stop -t 10 "$name" >/dev/null
	((SECONDS - began < 10)) || fail "it did not stop by itself"
	[ "$("${container[@]}" inspect -f '{{.State.ExitCode}}' "$name")" = 0 ] || fail "it did not exit with 0"
	"${container[@]}" rm "$name" >/dev/null
}

ask() { "${container[@]}" run --rm "${restricted[@]}" -e "RESIDUAL_TOKEN=$token" "$image" query metrics --model-id '*' --time-window 3000 --format csv; }

"${container[@]}" run --rm "${restricted[@]}" "$image" version
user=$("${container[@]}" inspect --type image -f '{{.Config.User}}' "$image")
[ "$user" = 65532:65532 ] || fail "it runs as $user"
token=$("${container[@]}" run --rm "${restricted[@]}" "$image" token create check --scope ADMIN)
serve
"${container[@]}" run --rm "${restricted[@]}" "$image" generate --rows 20000 |
	"${container[@]}" run -i --rm "${restricted[@]}" -e "RESIDUAL_TOKEN=$token" "$image" ingest - 2>&1 | tail -1
before=$(ask)
[ "$(wc -l <<<"$before")" -gt 10 ] || fail "it answers: $before"
stop
serve
[ "$(ask)" = "$before" ] || fail "after a start it answers differently"
stop
echo "image-check: $image by ${container[*]}: $(wc -l <<<"$before") series answer, before and after a start"
