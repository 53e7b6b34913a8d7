# Sourced after need.sh by scripts at the root of the clone: what they download is kept by
# the hash of its lock file.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/pianola/clients
mkdir -p "$cache"

cached() { # cached NAME LOCK-FILE INSTALL: prints a directory in which INSTALL has run once
  local dir
  dir=$cache/$1-$(cat - "$2" <<<"$(python3 -V)" | sha256sum | cut -c1-12)
  (
    flock 9
    [ -e "$dir/complete" ] || { rm -rf "$dir" && mkdir "$dir" && "$3" "$dir" >&2 && touch "$dir/complete"; }
  ) 9>"$dir.lock" && echo "$dir"
}

need_python() {
  need python3 python3 python3-venv
  python3 -c 'import ensurepip' 2>/dev/null || install python3-venv
}

# cached_python prints the virtual environment of the Python clients and of dbt.
cached_python() { cached python .ci/clients/python/requirements.txt install_python; }
install_python() { python3 -m venv "$1" && "$1/bin/pip" install -q --no-deps --require-hashes -r .ci/clients/python/requirements.txt; }
