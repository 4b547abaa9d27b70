#!/usr/bin/env bash
# Runs deploy/residual.service under a systemd of its own, in a container that has this machine's /usr for reading and nothing
# else of it: start, events, answers, reload, restart, stop, with all that the unit forbids. `make unit-check` calls it, as root.
#
#   deploy/check-unit.sh PROGRAM
set -euo pipefail

program=$1
unit=$(dirname "$0")/residual.service
# The most that `systemd-analyze security` may say of the unit, in tenths: 0 is all that it knows of, 100 nothing.
exposed_max=13

root=$(mktemp -d)
chmod 755 "$root" # the root of another user, too
nspawn=
trap '[ -z "$nspawn" ] || { kill -TERM "$nspawn" 2>/dev/null; wait "$nspawn" 2>/dev/null; } || true; rm -rf "$root"' EXIT
fail() { echo "unit-check: FAILED: $*" >&2; cat "$root/console" >&2 2>/dev/null || true; exit 1; }

mkdir -p "$root"/{usr,etc/systemd/system/multi-user.target.wants,var/lib,var/log,tmp,run,proc,sys,dev,root,opt}
for name in bin sbin lib lib64; do ln -s "usr/$name" "$root/$name"; done
printf 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/sbin/nologin\nresidual:x:900:900::/var/lib/residual:/sbin/nologin\n' >"$root/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\nresidual:x:900:\n' >"$root/etc/group"
cp /etc/os-release "$root/etc/"
: >"$root/etc/machine-id"
install -m 755 "$program" "$root/opt/residual"
sed 's|/usr/local/bin/residual|/opt/residual|' "$unit" >"$root/etc/systemd/system/residual.service"
ln -s ../residual.service "$root/etc/systemd/system/multi-user.target.wants/residual.service"

# The administrator's token comes as a credential, as docs/operate.md has it.
token=$(head -c 32 /dev/urandom | base64)
echo "$token" >"$root/etc/residual.token"
chmod 600 "$root/etc/residual.token"
mkdir "$root/etc/systemd/system/residual.service.d"
cat >"$root/etc/systemd/system/residual.service.d/token.conf" <<'END'
[Service]
LoadCredential=admin:/etc/residual.token
Environment=RESIDUAL_ADMIN_TOKEN_FILE=/run/credentials/residual.service/admin
END

mkdir "$root/here"
sed "s|/usr/local/bin/residual|$(realpath "$program")|" "$unit" >"$root/here/residual.service"
systemd-analyze verify "$root/here/residual.service" || fail "systemd-analyze verify"
systemd-analyze security --offline=true --threshold=$exposed_max --no-pager "$root/here/residual.service" | tail -1 ||
	fail "systemd-analyze security: more is exposed than $exposed_max tenths"

systemd-nspawn -D "$root" --bind-ro=/usr --register=no --keep-unit --private-network -M "residual-check-$$" --boot --console=pipe \
	</dev/null >"$root/console" 2>&1 &
nspawn=$!
init=
for _ in $(seq 300); do
	init=$(pgrep -P "$nspawn" | head -1) || true
	[ -z "$init" ] || ! nsenter -t "$init" -m -p -n -i -u systemctl is-active -q residual 2>/dev/null || break
	sleep 0.1
done
inside() { nsenter -t "$init" -m -p -n -i -u env "RESIDUAL_TOKEN=$token" "$@"; }
inside systemctl is-active residual || { inside journalctl --no-pager -u residual >&2; fail "it did not start within 30 seconds"; }

main=$(inside systemctl show residual -P MainPID)
inside grep -q '^Seccomp:.*2$' "/proc/$main/status" || fail "it runs without a filter of system calls"
inside grep -q '^CapBnd:.*0000000000000000$' "/proc/$main/status" || fail "it may have capabilities"
inside grep -q '^Uid:.*900.*900' "/proc/$main/status" || fail "it runs as another user"
inside /opt/residual health
inside /opt/residual generate --rows 300000 --output /root/events.ndjson
inside /opt/residual ingest /root/events.ndjson 2>&1 | tail -1
ask() { inside /opt/residual query metrics --model-id '*' --time-window 3000 --format csv; }
! inside env -u RESIDUAL_TOKEN /opt/residual query metrics --model-id '*' 2>/dev/null || fail "it answers without a token"
before=$(ask)
[ "$(wc -l <<<"$before")" -gt 10 ] || fail "it answers: $before"
inside systemctl reload residual
inside systemctl restart residual
[ "$(ask)" = "$before" ] || fail "after a restart it answers differently"
inside systemctl stop residual
[ "$(inside systemctl show residual -P Result)" = success ] || fail "it did not stop well"
! inside journalctl --no-pager -u residual | grep -E 'level=(WARN|ERROR)' || fail "it has warned"
echo "unit-check: $(systemctl --version | head -1): $(wc -l <<<"$before") series answer, before and after a restart"
