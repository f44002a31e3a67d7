#!/usr/bin/env bash
# Every figure of a GPU in one table, in eight minutes at most and without a network:
#
#     bash benchmarks/gpu.sh                    # benchmarks/results/gpu.csv
#     bash benchmarks/gpu.sh small table.csv    # the small size, which runs on a CPU too
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
size=${1:-gpu}
out=${2:-benchmarks/results/gpu.csv}
PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" "$python" -m benchmarks.speed.gpu \
    --size "$size" --out "$out"
