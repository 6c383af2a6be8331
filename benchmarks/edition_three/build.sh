#!/usr/bin/env bash
# The embedded bundle, from the real data to a folder: the recipe of its model card, as commands.
#
#   benchmarks/edition_three/build.sh ../shared/data RUNS
#
# About three hours on 2 idle cores, of which the encoder takes two; started again, it continues where it stopped.
# Debian's libjemalloc2, if it is installed, makes convolutions on the CPU about three times faster.
set -euo pipefail
cd "$(dirname "$0")/../.."
data=$(realpath "$1") out=$(realpath -m "$2") bin=${VIRTUAL_ENV:-$PWD/.venv}/bin
jemalloc=$(ldconfig -p | awk '/libjemalloc.so.2/ { print $NF; exit }')
fast() { LD_PRELOAD=$jemalloc MALLOC_CONF=dirty_decay_ms:-1,muzzy_decay_ms:-1 "$@"; }
encoder() { fast "$bin/python" -m benchmarks.edition_three.encoder "$out" "$@"; }
prepare() {
  [ -f "$out/$2/manifest.jsonl" ] || "$bin/radscribe" prepare "$1" "$data/iu" --out "$out/$2" --drop-missing \
    --exclude "$data/iu/held_out_uids.txt" --set images="$data/iu/images/images_normalized"
}

prepare iu-kaggle iu
prepare r2gen r2gen
[ -f "$out/table.npz" ] || "$bin/python" -m benchmarks.edition_three.images "$data" "$out/iu" "$out"
encoder "$out/cycle1" --stages 192:5,256:1
encoder "$out/cycle2" --init "$out/cycle1/last.pt" --stages 224:6 --rate 4e-4 --seed 1
encoder "$out/cycle3" --init "$out/cycle1/last.pt" "$out/cycle2/last.pt" \
  --stages 224:2,256:1 --rate 3e-4 --seed 2 --mixup 0.4 --decay 0.05
[ -f "$out/encoder/encoder.pt" ] || fast "$bin/python" -m benchmarks.edition_three.finish \
  "$out" "$out/iu" "$out/encoder" "$out"/cycle{1,3}/last.pt
"$bin/python" -m benchmarks.edition_three.measure "$data" "$out" "$out/encoder"
[ -f "$out/studies/manifest.jsonl" ] ||
  "$bin/python" -m benchmarks.edition_three.studies "$data" "$out/iu" "$out/studies"
for line in bank captioner; do
  fast "$bin/radscribe" train --resume --data "$out/studies" --out "$out/$line" \
    --config "benchmarks/edition_three/$line.yaml" --set encoder="$out/encoder" --set cache="$out/features" \
    $([ $line = bank ] || echo --set teacher="$out/bank")
done
"$bin/python" -m benchmarks.edition_three.bundle "$out" "$data" "$out/bundle"
echo "the bundle is $out/bundle; the embedded one is src/radscribe/bundle/embedded/"
