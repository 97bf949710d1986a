#!/usr/bin/env bash
# Makes quick.safetensors, which the `quick` preset fine-tunes: FOMM of quick's size, trained on the `train` split of the
# synthetic world. The detector is first taught where the shipped TPS has its points; then everything learns together, half
# of each batch from pairs across people of that split (scripts/pretrain_twins.py), which real videos do not have.
# No annotation is read. It was not run to its end yet: no file is shipped.
set -euo pipefail
cd "$(dirname "$0")/../../.."
python scripts/pretrain_twins.py fomm "${1:-methods/fomm/checkpoints/quick.safetensors}" --pairs 480 --people 240 \
  --lesson 1000 --set 'init=""' --set train.steps="${STEPS:-8000}" --set train.lr=5e-4
