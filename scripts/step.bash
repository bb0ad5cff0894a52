# Sourced by the other scripts: runs named steps and tells how long each took.
# shellcheck shell=bash

step_times=()
# How long one step may take, many times what it needs: one that hangs is ended, and named. At a terminal, Ctrl-C must
# still reach it.
step_limit=(timeout --kill-after=10s "${STEP_DURATION_MAX:-60m}")
if [[ -t 0 ]]; then step_limit=(timeout --foreground --kill-after=10s "${STEP_DURATION_MAX:-60m}"); fi

# step NAME COMMAND...: runs a command; if it fails, the script ends here and says where.
step() {
  local name=$1 start=$SECONDS status=0
  shift
  echo "--- $name"
  "${step_limit[@]}" "$@" || status=$?
  if ((status != 0)); then
    echo "--- $name FAILED (status $status; 124 and 137: it did not end) after $((SECONDS - start)) s: $*" >&2
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
