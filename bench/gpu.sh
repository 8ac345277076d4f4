#!/bin/sh
# Measures a GPU on a bare machine with PyTorch: bench/gpu.sh [MINUTES] [OUT] [DEVICE] [RECORDING]
# DEVICE cpu tries everything out at toy sizes. RECORDING: a file of `wm_ros bench pack`. WHEELS: a folder of wheels that
# the machine lacks. See doc/gpu.md.
python=${PYTHON:-python3}
minutes=${1:-10} out=$(realpath -m "${2:-gpu}") device=${3:-cuda} recording=${4:+$(realpath "$4")}
cd "$(dirname "$0")/.." || exit
if [ -n "$WHEELS" ]; then
    site=$(mktemp -d) || exit
    trap 'rm -rf "$site"' EXIT
    "$python" -m pip install -q --no-index --no-deps --target "$site" "$WHEELS"/*.whl || exit
fi
PYTHONPATH=$PWD${site:+:$site}${PYTHONPATH:+:$PYTHONPATH}
export PYTHONPATH
"$python" -c '
import sys
from pathlib import Path
from wm_ros.bench.gpu.run import run
minutes, out, device, recording = float(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
sys.exit(0 if run(out, minutes, device, Path(recording) if recording else None) else 1)
' "$minutes" "$out" "$device" "$recording"
