#!/usr/bin/env bash
# Makes quick.safetensors, which the `quick` preset fine-tunes: MRAA of quick's size. It begins with the heat maps and the
# flow network of FOMM's shipped file, which has the same layers, and learns as that did (methods/fomm/checkpoints/make.sh);
# AVD learns on the same pairs. It waits for FOMM's file: none is shipped yet.
set -euo pipefail
cd "$(dirname "$0")/../../.."
python scripts/pretrain_twins.py mraa "${1:-methods/mraa/checkpoints/quick.safetensors}" --pairs 480 --people 240 \
  --like methods/fomm/checkpoints/quick.safetensors --rename kp_detector.kp=region_predictor.regions \
  --rename kp_detector=region_predictor --rename generator.dense_motion_network=generator.pixelwise_flow_predictor \
  --set 'init=""' --set train.steps="${STEPS:-4000}" --set train.lr=5e-4 --set avd.steps=1000 --set avd.lr=1e-3
