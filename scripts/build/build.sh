#!/bin/sh
# Usage: build.sh PLATFORM FOLDER. Builds the dashboard, then runs `sam build` for one platform: "here" is this machine,
# which may run macOS; arm64 and x86_64 are Lambda's.
# The build is skipped if its sources have not changed.
set -eu
cd "$(dirname "$0")/../.."
platform=$1 folder=$2 architecture=$1
if [ "$platform" = here ]; then
    case $(uname -m) in arm64 | aarch64) architecture=arm64 ;; *) architecture=x86_64 ;; esac
fi
PATH=$PWD/.venv/bin:$PATH # python3.13 for SAM, uv for the layers
export PATH ARCHITECTURE="$platform" SAM_CLI_TELEMETRY=0 UV_SYSTEM_CERTS=1 AWS_DEFAULT_REGION="${AWS_DEFAULT_REGION:-eu-west-1}"

sum() {
    {
        echo "$platform" "$(uname -sm)"
        find template.yaml functions layers -type f ! -path '*/__pycache__/*' ! -name '*.pyc' | LC_ALL=C sort | while read -r path; do
            cksum "$path"
        done
    } | cksum
}

# Write the version into the built template: that of pyproject.toml, and the commit if git knows it.
stamp() {
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
    commit=$(git describe --always --dirty --abbrev=9 --exclude '*' 2>/dev/null || true)
    stamped="$version${commit:++$commit}"
    grep -q "^ *VERSION: $stamped\$" "$1" && return 0
    sed "s/^\( *\)VERSION: .*/\1VERSION: $stamped/" "$1" >"$1.stamped"
    mv "$1.stamped" "$1"
}

sh scripts/build/dashboard.sh
mkdir -p .aws-sam
exec 9>.aws-sam/lock
flock 9 2>/dev/null || true # one build at a time, if the system has flock
wanted=$(sum)
if [ -f "$folder/template.yaml" ] && [ "$(cat "$folder/.built" 2>/dev/null)" = "$wanted" ]; then
    stamp "$folder/template.yaml"
    exit 0
fi
echo "build: sam build for $platform into $folder"
log=.aws-sam/build.log
.venv-sam/bin/sam build --template template.yaml --build-dir "$folder.new" --cached --cache-dir ".aws-sam/cache-$platform" --parallel \
    --parameter-overrides "Architecture=$architecture" >"$log" 2>&1 || {
    cat "$log" >&2
    exit 1
}
stamp "$folder.new/template.yaml"
echo "$wanted" >"$folder.new/.built"
# Rename the whole folder, so that a process that reads it never sees half of a build.
rm -rf "$folder.old"
[ ! -e "$folder" ] || mv "$folder" "$folder.old"
mv "$folder.new" "$folder"
rm -rf "$folder.old"
