#!/usr/bin/env bash
# Makes the release of the tree that it is called in: for each system a static program in an archive, the list of what is in
# it, and the checksums of all. `make release` calls it.
#
#   VERSION=v1.2.3 COMMIT=0123456789ab TIME=1790000000 SBOM=.bin/cyclonedx-gomod deploy/release.sh OUT SYSTEM...
#
# The same tree and the same version of Go give the same bytes on every machine and in every folder: nothing of the path, of
# the machine's settings or of the hour goes in. TIME, in Unix seconds, is that of the commit.
set -euo pipefail

out=$1
shift
: "${COMMIT:?}" "${TIME:?}" "${SBOM:?}" "${GO:=go}"
VERSION=${VERSION:-}
tar --version | grep -q GNU || { echo "release: NOT MADE: it needs GNU tar, first on the PATH" >&2; exit 1; }

export CGO_ENABLED=0 GOFLAGS= GOEXPERIMENT= GOAMD64=v1 GOARM64=v8.0 GOWORK=off LC_ALL=C
stamp="-X main.stampedVersion=$VERSION -X main.stampedCommit=$COMMIT"
release=residual-${VERSION:-devel-$COMMIT}

# licenses prints those of all modules that are in the program, and Go's own.
licenses() {
	printf '== Go %s\n\n' "$($GO env GOVERSION)"
	cat "$($GO env GOROOT)/LICENSE"
	$GO list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/residual | sort -u |
		while read -r path version dir; do
			for file in "$dir"/LICEN[CS]E* "$dir"/COPYING* "$dir"/NOTICE* "$dir"/PATENTS*; do
				[ ! -f "$file" ] || { printf '\n== %s %s: %s\n\n' "$path" "$version" "${file##*/}"; cat "$file"; }
			done
		done
}

rm -rf "$out"
mkdir -p "$out"
for system in "$@"; do
	export GOOS=${system%/*} GOARCH=${system#*/}
	name=$release-$GOOS-$GOARCH
	mkdir -p "$out/$name"
	$GO build -trimpath -buildvcs=false -ldflags "-s -w -buildid= $stamp" -o "$out/$name/residual" ./cmd/residual
	cp LICENSE README.md "$out/$name/"
	licenses >"$out/$name/LICENSES-OF-OTHERS"
	if [ "$GOOS" = linux ]; then
		cp deploy/residual.service "$out/$name/"
		mkdir -p "$out/image-$GOARCH/data"
		cp "$out/$name/residual" "$out/image-$GOARCH/"
	fi
	env -u GOOS -u GOARCH "$SBOM" bin -json -output-version 1.6 -noserial -notimestamp -std \
		-version "${VERSION:-devel}" -output "$out/$name.cdx.json" "$out/$name/residual"
	tar --sort=name --format=ustar --owner=0 --group=0 --numeric-owner --mode='u=rwX,go=rX' --mtime="@$TIME" \
		-C "$out" -cf - "$name" | gzip -9n >"$out/$name.tar.gz"
	rm -r "${out:?}/$name"
	echo "$out/$name.tar.gz"
done
cd "$out"
sha256sum ./*.tar.gz ./*.cdx.json | sed 's|\./||' >SHA256SUMS
