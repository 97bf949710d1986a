#!/usr/bin/env bash
# Makes quick.safetensors, which the `quick` preset fine-tunes: TPS of quick's size, trained with the paper's losses (and
# quick's plain L1) on the `train` split of the synthetic world, in two legs. About 45 minutes on one core.
# The shipped file is the outcome of these legs; the first was stopped after 6,017 of its 9,000 steps.
set -euo pipefail
cd "$(dirname "$0")/../../.."
here=methods/tps/checkpoints
build=$(mktemp -d)
leg() { # NAME STEPS LR DROPOUT INIT
  bench train --method tps --dataset synthetic --preset quick --runs "$build/$1" --track none --precision bf16 \
    --set "init=\"$5\"" --set train.steps="$2" --set train.lr="$3" --set train.dropout_max="$4" --set avd.steps=2
  python -m bench.export_weights "$build/$1"/synthetic/tps/quick-*/checkpoints/final.pt "$here/$1.safetensors"
}
leg first 6000 5e-4 0.3 ""
leg quick 2400 4e-4 0 first
rm "$here/first.safetensors"
