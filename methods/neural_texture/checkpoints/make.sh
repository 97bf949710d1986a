#!/usr/bin/env bash
# Makes quick.safetensors, which the `quick` preset fine-tunes: neural texture of quick's size, trained from nothing on the
# `train` split of the synthetic world through the paper's stages (2.5D branch, 2D branch, end to end), with quick's
# substitutes and losses. About 45 minutes on one free core; FULL_STEPS=20000 is two hours.
# The shipped file is the best on `val` of such a run that was stopped at step 4,140 of 7,500 end to end, before its first
# milestone: a file made by the whole script is alike, and should be better.
set -euo pipefail
cd "$(dirname "$0")/../../.."
here=methods/neural_texture/checkpoints
build=${BUILD:-$(mktemp -d)} # give BUILD to go on after an interruption
bench train --method neural-texture --dataset synthetic --preset quick --runs "$build" --track none --precision bf16 \
  --set 'init=""' --set train.texture_steps=300 --set train.warping_steps=1000 --set train.full_steps="${FULL_STEPS:-7500}"
python -m bench.export_weights "$build"/synthetic/neural-texture/quick-*/checkpoints/best.pt "$here/quick.safetensors"
