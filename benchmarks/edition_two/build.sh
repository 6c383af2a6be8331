#!/usr/bin/env bash
# The candidate for a second edition of the embedded bundle, from the real data to a folder: the recipe of card.md, as commands.
#
#   benchmarks/edition_two/build.sh ../shared/data RUNS
#
# About two hours on 2 idle cores; started again, it goes on where it stopped. Debian's libjemalloc2, where it is
# installed, makes convolutions on the CPU about three times faster, and the LSTM more than that.
set -euo pipefail
cd "$(dirname "$0")/../.."
data=$(realpath "$1") out=$(realpath -m "$2") bin=$PWD/.venv/bin here=benchmarks/edition_two
jemalloc=$(ldconfig -p | awk '/libjemalloc.so.2/ { print $NF; exit }')
fast() { LD_PRELOAD=$jemalloc MALLOC_CONF=dirty_decay_ms:-1,muzzy_decay_ms:-1 "$@"; }
encoder() { # name, manifest, seed, epochs
  [ -f "$out/$1/encoder.pt" ] || fast "$bin/radscribe" train-encoder --resume --data "$2" --out "$out/$1" \
    --config $here/encoder.yaml --set teacher="$data/nih/teacher_probabilities.csv" --set seed="$3" --set epochs="$4"
}

[ -f "$out/nih/manifest.jsonl" ] || "$bin/python" -m benchmarks.edition_one.nih "$data/nih" "$out/nih"
[ -f "$out/images/manifest.jsonl" ] || "$bin/python" -m benchmarks.edition_two.images "$data" "$out/images"
encoder nih0 "$out/nih" 0 20
encoder nih1 "$out/nih" 1 18
encoder wide "$out/images" 2 16
[ -f "$out/encoder/encoder.pt" ] ||
  fast "$bin/python" -m benchmarks.edition_one.soup "$out/nih" "$out/encoder" "$out/wide" "$out/nih0" "$out/nih1"
[ -f "$out/captioner/decoder.pt" ] || OMP_NUM_THREADS=1 fast "$bin/radscribe" train --resume \
  --data "$out/nih" --out "$out/captioner" --config $here/decoder.yaml \
  --set encoder="$out/encoder" --set weak_reports="$data/iu/annotation.json"
"$bin/python" -m benchmarks.edition_one.bundle "$out/captioner" "$out/bundle" \
  "$out/nih" "$data/iu/annotation.json" --name nih-iu-2 --card $here/card.md
echo "the bundle is $out/bundle"
