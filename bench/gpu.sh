#!/bin/sh
# Measures a GPU on a bare machine with PyTorch: bench/gpu.sh [MINUTES] [OUT] [DEVICE]; DEVICE cpu tries everything out.
cd "$(dirname "$0")/.." || exit
python=${PYTHON:-python3}
exec "$python" -c '
import sys
from pathlib import Path
from wm_ros.bench.gpu.run import run
minutes, out, device = float(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
sys.exit(0 if run(out, minutes, device, device == "cpu") else 1)
' "${1:-10}" "${2:-gpu}" "${3:-cuda}"
