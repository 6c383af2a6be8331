#!/usr/bin/env bash
# The embedded bundle, from the real data to a folder: the recipe of its model card, as commands.
#
#   benchmarks/edition_one/build.sh ../shared/data RUNS
#
# About 75 minutes on 2 cores; started again, it goes on where it stopped. Debian's libjemalloc2, where it is
# installed, makes convolutions on the CPU about three times faster.
set -euo pipefail
cd "$(dirname "$0")/../.."
data=$(realpath "$1") out=$(realpath -m "$2") bin=$PWD/.venv/bin
jemalloc=$(ldconfig -p | awk '/libjemalloc.so.2/ { print $NF; exit }')
fast() { LD_PRELOAD=$jemalloc MALLOC_CONF=dirty_decay_ms:-1,muzzy_decay_ms:-1 "$@"; }

[ -d "$out/nih" ] || "$bin/python" -m benchmarks.edition_one.nih "$data/nih" "$out/nih"
for run in encoder fold0 fold1; do
  manifest=$([ $run = encoder ] && echo all || echo $run)
  [ -f "$out/runs/$run/encoder.pt" ] || fast "$bin/radscribe" train-encoder --resume \
    --data "$out/nih/$manifest" --out "$out/runs/$run" \
    --config benchmarks/edition_one/encoder.yaml \
    $([ $run = encoder ] || echo --set epochs=10 --set image_size=256) --set teacher="$data/nih/teacher_probabilities.csv"
done
[ -f "$out/nih/all/features.npz" ] ||
  fast "$bin/python" -m benchmarks.edition_one.crossfit "$out/nih" "$out/runs"
[ -f "$out/runs/captioner/decoder.pt" ] || "$bin/radscribe" train --resume \
  --data "$out/nih/all" --out "$out/runs/captioner" --config benchmarks/edition_one/decoder.yaml \
  --set encoder="$out/runs/encoder" --set weak_reports="$data/iu/annotation.json"
"$bin/python" -m benchmarks.edition_one.bundle "$out/runs/captioner" "$out/bundle" \
  "$out/nih/all" "$data/iu/annotation.json"
echo "the bundle is $out/bundle; the embedded one is src/radscribe/bundle/embedded/nih-iu-1"
