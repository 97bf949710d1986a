#!/usr/bin/env bash
# Makes quick.safetensors, which the `quick` preset fine-tunes: MRAA of quick's size, trained with quick's losses on the
# `train` split of the synthetic world. About 45 minutes on one core.
set -euo pipefail
cd "$(dirname "$0")/../../.."
here=methods/mraa/checkpoints
build=$(mktemp -d)
python -m bench train --method mraa --dataset synthetic --preset quick --runs "$build" --track none --precision bf16 \
  --set 'init=""' --set train.steps=8000 --set train.lr=1e-3
python -m bench.export_weights "$build"/synthetic/mraa/quick-*/checkpoints/best.pt "$here/quick.safetensors"
