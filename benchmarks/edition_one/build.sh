#!/usr/bin/env bash
# The embedded bundle, from the real data to a folder: the recipe of its model card, as commands.
#
#   benchmarks/edition_one/build.sh ../shared/data RUNS
#
# About 50 minutes on 2 idle cores; started again, it goes on where it stopped. Debian's libjemalloc2, where it is
# installed, makes convolutions on the CPU about three times faster, and the LSTM more than that.
set -euo pipefail
cd "$(dirname "$0")/../.."
data=$(realpath "$1") out=$(realpath -m "$2") bin=$PWD/.venv/bin
jemalloc=$(ldconfig -p | awk '/libjemalloc.so.2/ { print $NF; exit }')
fast() { LD_PRELOAD=$jemalloc MALLOC_CONF=dirty_decay_ms:-1,muzzy_decay_ms:-1 "$@"; }

[ -f "$out/nih/manifest.jsonl" ] || "$bin/python" -m benchmarks.edition_one.nih "$data/nih" "$out/nih"
for kind in mixed plain; do
  [ -f "$out/$kind/encoder.pt" ] || fast "$bin/radscribe" train-encoder --resume \
    --data "$out/nih" --out "$out/$kind" --config benchmarks/edition_one/encoder_$kind.yaml \
    --set teacher="$data/nih/teacher_probabilities.csv"
done
[ -f "$out/encoder/encoder.pt" ] ||
  fast "$bin/python" -m benchmarks.edition_one.soup "$out/nih" "$out/encoder" "$out/mixed" "$out/plain"
[ -f "$out/captioner/decoder.pt" ] || OMP_NUM_THREADS=1 fast "$bin/radscribe" train --resume \
  --data "$out/nih" --out "$out/captioner" --config benchmarks/edition_one/decoder.yaml \
  --set encoder="$out/encoder" --set weak_reports="$data/iu/annotation.json"
"$bin/python" -m benchmarks.edition_one.bundle "$out/captioner" "$out/bundle" \
  "$out/nih" "$data/iu/annotation.json"
echo "the bundle is $out/bundle; the embedded one is src/radscribe/bundle/embedded/nih-iu-1"
