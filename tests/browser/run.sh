#!/bin/sh
# All meetings in real browsers: first those that mostly wait, two files at a time, then those that look
# at every picture and want the processors for themselves. Options go to `node --test`.
set -eu
cd "$(dirname "$0")"
alone="bad-link.test.js chromium.test.js firefox.test.js"
together=$(for file in *.test.js; do case " $alone " in *" $file "*) ;; *) echo "$file" ;; esac; done)

node --test --test-concurrency=2 "$@" $together
node --test --test-concurrency=1 "$@" $alone
