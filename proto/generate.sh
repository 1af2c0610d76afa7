#!/usr/bin/env bash
# Generates services/common/opq/v1 from the contract, with the oldest compiler supported: its output runs with
# that protobuf and grpcio and everything newer, so the floors in pyproject.toml are the versions named here.
# usage: proto/generate.sh [OUTPUT_ROOT]   (default: services/common)
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-$root/services/common}
venv=$(mktemp -d)
trap 'rm -rf "$venv"' EXIT
python3 -m venv "$venv"
"$venv/bin/pip" install -q --disable-pip-version-check 'grpcio-tools==1.75.1' 'protobuf==6.31.1' 'setuptools<81'
cd "$root/proto"
"$venv/bin/python" -W ignore -m grpc_tools.protoc -I . --python_out="$out" --pyi_out="$out" --grpc_python_out="$out" opq/v1/*.proto
# A test compares these with the contract, so that nobody forgets to run this.
sha256sum opq/v1/*.proto > "$out/opq/v1/sources.sha256"
