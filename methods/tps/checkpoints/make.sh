#!/usr/bin/env bash
# Makes quick.safetensors, which the `quick` preset fine-tunes: TPS of quick's size, trained with the paper's losses (and
# quick's plain L1) on the `train` split of the synthetic world, in two legs. About 45 minutes on one core.
#
# The shipped file came from these two legs run by hand: the first was planned for 9,000 steps and stopped after 6,017, so
# no milestone was reached and dropout ended at step 3,150, which `train.epochs=67` reproduces here. It was exported from
# its last weights, where this script takes the best on `val`; a file made anew is alike, not identical.
set -euo pipefail
cd "$(dirname "$0")/../../.."
here=methods/tps/checkpoints
build=$(mktemp -d)
leg() { # NAME INIT KEY=VALUE...
  local name=$1 init=$2
  shift 2
  bench train --method tps --dataset synthetic --preset quick --runs "$build/$name" --track none --precision bf16 \
    --set "init=\"$init\"" --set avd.steps=2 "${@/#/--set=}"
  python -m bench.export_weights "$build/$name"/synthetic/tps/quick-*/checkpoints/final.pt "$here/$name.safetensors"
}
leg first "" train.steps=6017 train.epochs=67 train.lr=5e-4
leg quick first train.steps=2400 train.lr=4e-4
rm "$here/first.safetensors"
