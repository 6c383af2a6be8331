#!/usr/bin/env bash
# Malformed requests from a schema fuzzer (schemathesis, in an environment of its own): no answer may be a 5xx or show
# a library's message, and each must be of a status and media type that /openapi.json tells of.
#
#   benchmarks/serving/fuzz.sh [REQUESTS PER OPERATION = 280] [SECONDS = 1800] [OPTION OF radscribe serve]...
#
# It takes about 20 ms of processor time per request. After SECONDS it stops and counts what it has sent.
set -euo pipefail
cd "$(dirname "$0")/../.."
examples=${1:-280}
seconds=${2:-1800}
shift $(($# < 2 ? $# : 2))
python=${PYTHON:-$PWD/.venv/bin/python}
fuzzer=$PWD/build/fuzz
port=8765
if [ ! -x "$fuzzer/bin/schemathesis" ]; then
  "$python" -m venv "$fuzzer"
  "$fuzzer/bin/pip" install --quiet "schemathesis>=4.32,<5"
fi
store=$(mktemp -d)
"$python" -m radscribe.cli.main serve --port $port --store "$store/store" "$@" 2>"$store/log" &
service=$!
trap 'kill $service 2>/dev/null; wait $service; rm -rf "$store"' EXIT
hooks=$PWD/benchmarks/serving
code=0
cd "$store"  # it writes what it found where it runs
PYTHONPATH=$hooks SCHEMATHESIS_HOOKS=fuzz_hooks timeout $((seconds + 660)) \
  "$fuzzer/bin/schemathesis" run "http://127.0.0.1:$port/openapi.json" --wait-for-schema 600 --request-timeout 300 --no-color \
  --max-examples "$examples" --max-time "$seconds" --no-shrink --seed 0 --mode all \
  --phases examples,coverage,fuzzing,stateful --generation-database none --suppress-health-check all \
  --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,no_library_message \
  --continue-on-failure || code=$?
if ! kill -0 $service 2>/dev/null; then
  echo "the service ended:"
  cat "$store/log"
  exit 1
fi
grep -E "Traceback|Error" "$store/log" && code=1
"$python" - <<END
import re, urllib.request
text = urllib.request.urlopen("http://127.0.0.1:$port/metrics").read().decode()
found = re.findall(r'^radscribe_http_requests_total\{.*status="(\d+)"\} ([\d.]+)', text, re.MULTILINE)
answers = {status: sum(int(float(n)) for s, n in found if s == status) for status in sorted({s for s, _ in found})}
bad = sum(n for status, n in answers.items() if status >= "500")
print(f"{sum(answers.values()):,} requests answered, {bad} of them 5xx: {answers}")
END
exit $code
