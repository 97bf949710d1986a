#!/bin/sh
# A Ray cluster of one or several workstations. On the first: scripts/ray_workstation.sh head
# On each other one, with the same environment and the same path of the runs: scripts/ray_workstation.sh join HOST:6379
# To leave: ray stop
set -eu
export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
case "${1:-}" in
head)
  # who may run code here is whoever has the token: make one, and copy it to the other machines
  [ -s "$HOME/.ray/auth_token" ] || {
    mkdir -p "$HOME/.ray" && (umask 077 && python -c "import secrets; print(secrets.token_hex(32), end='')" >"$HOME/.ray/auth_token")
  }
  ray start --head --port=6379 --include-dashboard=false
  echo "on the others: copy $HOME/.ray/auth_token there, then: scripts/ray_workstation.sh join $(hostname):6379"
  echo "then here: bench matrix FILE.toml --executor ray"
  ;;
join)
  ray start --address="${2:?give HOST:6379}"
  ;;
*)
  echo "usage: $0 head | join HOST:6379" >&2
  exit 2
  ;;
esac
