#!/bin/sh
# Checks the web client: types, rules, vendored files, unit tests. Needs `npm ci` first.
set -eu
cd "$(dirname "$0")"
export PATH="$PWD/node_modules/.bin:$PATH"

tsc --project tsconfig.json
node tools/lint.js
node tools/vendor.js --check
node --test $(find app packages -name '*.test.js' -not -path '*/node_modules/*' | sort)
