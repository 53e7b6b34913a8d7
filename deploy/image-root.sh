#!/bin/sh
# Makes the files of the container image below a directory:
#
#   VERSION=v1.2.3 COMMIT=… DATE=… deploy/image-root.sh DIRECTORY
#
# The Dockerfile copies them. TestImage runs the program in the same files.
set -eu
root=$1

# CGO off makes the binary static. It has the time zones, and resolves names by itself.
CGO_ENABLED=0 go build -trimpath -o "$root/pianola" \
    -ldflags="-s -w -X main.version=${VERSION:-} -X main.commit=${COMMIT:-} -X main.date=${DATE:-}" ./cmd/pianola

mkdir -p "$root/etc/ssl/certs"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"

# `pianola reconcile --export` keeps the log of Piano in a temporary file.
mkdir -m 1777 "$root/tmp"
