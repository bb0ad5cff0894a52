# Sourced by the other scripts: runs named steps and tells how long each took.
# shellcheck shell=bash

step_times=()

# step NAME COMMAND...: runs a command; if it fails, the script ends here and says where.
step() {
  local name=$1 start=$SECONDS
  shift
  echo "--- $name"
  if ! "$@"; then
    echo "--- $name FAILED after $((SECONDS - start)) s: $*" >&2
    exit 1
  fi
  step_times+=("$(printf '%5d s  %s' $((SECONDS - start)) "$name")")
}

# finish: the summary.
finish() {
  echo "---"
  printf '%s\n' "${step_times[@]}"
  printf '%5d s  in all\n' "$SECONDS"
}
