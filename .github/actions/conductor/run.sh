#!/usr/bin/env bash
# RUN (check, plan or approved) on EVENT: what the action and the GitLab template do. Needs a clone with its whole history.
set -euo pipefail
root=(${TRUST_ROOT:+--trust-root "$TRUST_ROOT"})
base=(${BASE:+--base "$BASE"})

case $RUN in
check)
  exec conductor check --repo "$REPO" --format "${FORMAT:-github}"
  ;;
plan)
  plan=$(mktemp)
  trap 'rm -f "$plan"' EXIT
  code=0
  conductor plan --repo "$REPO" --fetch --head "$HEAD" "${base[@]}" "${root[@]}" --format markdown >"$plan" || code=$?
  [ -z "${GITHUB_STEP_SUMMARY:-}" ] || cat "$plan" >>"$GITHUB_STEP_SUMMARY"
  # a plan that says what is wrong is worth reading as well; one that could not be made (2, 3) has said why on stderr
  if [ -n "${NUMBER:-}" ] && [ "$code" -le 1 ]; then
    conductor comment --on "${FORGE:-github}" --number "$NUMBER" <"$plan"
  fi
  exit "$code"
  ;;
approved)
  # without it the first genesis that two people signed would do, whoever they are
  if [ -z "${TRUST_ROOT:-}" ] && [ -n "$(git -C "$REPO" ls-tree "origin/${MAIN:-main}" evidence/genesis 2>/dev/null)" ]; then
    echo "trust-root is empty: set the repository's variable CONDUCTOR_TRUST_ROOT to the genesis you were told of" >&2
    exit 2
  fi
  # a merge queue may bring several changes at once, and each is taken by itself
  each=()
  [ "$EVENT" != merge_group ] || each=(--each)
  exec conductor plan --repo "$REPO" --fetch --head "$HEAD" "${base[@]}" "${root[@]}" "${each[@]}" --require-approved
  ;;
*)
  echo "run is check, plan or approved, not '$RUN'" >&2
  exit 2
  ;;
esac
