# Sourced by scripts: installs Debian packages that the machine lacks.

# install PACKAGE...
install() {
  local sudo=""
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq
  $sudo apt-get install -qq -y --no-install-recommends "$@" >/dev/null
}

# need COMMAND PACKAGE...: installs the packages when COMMAND is missing
need() {
  command -v "$1" >/dev/null || install "${@:2}"
}
