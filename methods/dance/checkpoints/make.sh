#!/usr/bin/env bash
# Makes quick.safetensors, which the `quick` preset can fine-tune (`init`): dance of quick's size with quick's losses, its
# three networks trained on the `train` split of the synthetic world. About 40 minutes on one free core.
# Stopped, it goes on where it was when it is started with the same folder: make.sh FOLDER. Started as make.sh FOLDER export
# it writes the file from what is best so far, without training.
set -euo pipefail
cd "$(dirname "$0")/../../.."
build=${1:-$(mktemp -d)}
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
if [ "${2:-}" != export ]; then
  bench train --method dance --dataset synthetic --preset quick --runs "$build" --track none \
    --set 'init=""' --set pose2body.steps=6000 --set body2frame.steps=5000 --set refinement.steps=1000
fi
newest=$(ls -t "$build"/synthetic/dance/quick-*/checkpoints/*.pt | head -n 1)
best=$(dirname "$newest")/best.pt
python -m bench.export_weights "$([ -f "$best" ] && echo "$best" || echo "$newest")" \
  methods/dance/checkpoints/quick.safetensors
