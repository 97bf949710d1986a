#!/usr/bin/env bash
# Makes quick.safetensors, which the `quick` preset fine-tunes: INTERnet of quick's size. It begins with the key points and
# the motion network of FOMM's shipped file, which has the same layers, and learns as that did
# (methods/fomm/checkpoints/make.sh), without the temporal term: pairs across people have no previous frame. It waits for
# FOMM's file: none is shipped yet.
set -euo pipefail
cd "$(dirname "$0")/../../.."
python scripts/pretrain_twins.py intrinsic "${1:-methods/intrinsic/checkpoints/quick.safetensors}" --pairs 480 --people 240 \
  --like methods/fomm/checkpoints/quick.safetensors --rename generator.dense_motion_network=generator.motion \
  --set 'init=""' --set 'temporal.scheme="none"' --set train.steps="${STEPS:-4000}" --set train.lr=5e-4
