#!/usr/bin/env bash
# Makes quick.safetensors, which the `quick` preset fine-tunes: TPS of quick's size, trained on the `train` split of the
# synthetic world while its points are taught BODY_25 joints (ours). About 35 minutes on one core.
set -euo pipefail
cd "$(dirname "$0")/../../.."
build=$(mktemp -d)
bench train --method tps --dataset synthetic --preset quick --runs "$build" --track none --precision bf16 \
  --set 'init=""' --set loss.joints=60 --set train.hflip=0 --set train.lr=5e-4 --set train.dropout_max=0.3 \
  --set train.steps=10000 --set avd.steps=1000
python -m bench.export_weights "$build"/synthetic/tps/quick-*/checkpoints/best.pt methods/tps/checkpoints/quick.safetensors
