#!/bin/sh
# On merge: submit what is new or changed and wait for the videos. Needs HEYGEN_API_KEY.
# Extra arguments go to apply (for example --sandbox).
set -eu

code=0
reconcile apply --auto-approve --wait --timeout "${APPLY_TIMEOUT:-45m}" "$@" || code=$?
# 3: still rendering when the time was up; the next run goes on from there.
[ "$code" = 3 ] && exit 0
exit "$code"
