#!/bin/sh
# On a pull request: annotate what is broken, show the plan. Needs no key.
# Extra arguments go to plan (for example --sandbox).
set -eu

reconcile validate --format "${VALIDATE_FORMAT:-text}"

# 0: nothing to do, 2: something to do; anything else is an error.
code=0
reconcile plan --detailed-exitcode "$@" || code=$?
case "$code" in
    0 | 2) ;;
    *) exit "$code" ;;
esac
