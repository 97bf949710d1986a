#!/usr/bin/env bash
# Makes quick.safetensors, which the `quick` preset fine-tunes: Region-to-Whole of quick's size with quick's losses, its
# three stages trained on the `train` split of the synthetic world. About 45 minutes on one free core. Stopped, it goes on
# where it was when it is started with the same folder: make.sh FOLDER.
set -euo pipefail
cd "$(dirname "$0")/../../.."
build=${1:-$(mktemp -d)}
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
bench train --method region-to-whole --dataset synthetic --preset quick --runs "$build" --track none --precision bf16 \
  --set 'init=""' --set train.lr=1e-3 --set layout.steps=3500 --set region.steps=3500 --set whole.steps=3500
python -m bench.export_weights "$build"/synthetic/region-to-whole/quick-*/checkpoints/best.pt \
  methods/region_to_whole/checkpoints/quick.safetensors
