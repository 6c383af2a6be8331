#!/usr/bin/env bash
# Malformed requests from a schema fuzzer (schemathesis, in an environment of its own): no answer may be a 5xx, and
# each must be of a status and media type that /openapi.json tells of.
#
#   benchmarks/serving/fuzz.sh [REQUESTS AN OPERATION = 300] [--database URL]
set -euo pipefail
cd "$(dirname "$0")/../.."
examples=${1:-300}
shift || true
python=${PYTHON:-$PWD/.venv/bin/python}
fuzzer=$PWD/build/fuzz
port=8765
if [ ! -x $fuzzer/bin/schemathesis ]; then
  "$python" -m venv $fuzzer
  $fuzzer/bin/pip install --quiet "schemathesis>=4.32,<5"
fi
store=$(mktemp -d)
"$python" -m radscribe.cli.main serve --port $port --store "$store/store" "$@" 2>"$store/log" &
service=$!
trap 'kill $service 2>/dev/null; wait $service; rm -rf "$store"' EXIT
code=0
cd "$store"  # it writes what it found where it runs
$fuzzer/bin/schemathesis run "http://127.0.0.1:$port/openapi.json" --wait-for-schema 60 --no-color \
  --max-examples "$examples" --mode all --phases examples,coverage,fuzzing,stateful --generation-database none \
  --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
  --continue-on-failure || code=$?
grep -E "Traceback|Error" "$store/log" && code=1
curl --silent "http://127.0.0.1:$port/metrics" | awk '
  /^radscribe_http_requests_total/ { n += $2; if ($0 ~ /status="5/) bad += $2 }
  END { printf "%d requests answered, %d of them 5xx\n", n, bad }'
exit $code
